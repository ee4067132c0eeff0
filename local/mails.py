"""What Cognito and SES send: no mail leaves the machine, each one is a file that anybody can open."""

import re
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import cast

from local.emulator import MiniStack
from local.patches import replace, require
from local.settings import Settings

# The newest ones are kept.
MAILS = 500


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that was sent: `text` is its plain part, or the other one where it has none."""

    sent_at: datetime
    to: str
    subject: str
    text: str
    html: str
    """Empty where it is plain text alone."""
    headers: dict[str, str]


def write_mails(emulator: MiniStack, settings: Settings) -> None:
    """Let every mail become a file, before whoever sends it is answered.

    Raises
    ------
    EmulatorError
        If the emulator sends mails in another way.
    """
    folder, numbers, lock = settings.mails, count(), threading.Lock()
    sent_in_memory = require(emulator.ses, "_sent_emails_list")

    def write(_source: str, to_addrs: list[str], message_str: str) -> None:
        folder.mkdir(exist_ok=True)
        address = re.sub(r"[^\w.@+-]", "_", to_addrs[0])[:100]
        with lock:
            moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
            name = f"{moment}-{next(numbers) % 1000:03}-{address}.eml"
            # In the order of their names, which is that of their times.
            for old in sorted(folder.glob("*.eml"))[: -(MAILS - 1)]:
                old.unlink()
            (folder / name).write_text(message_str)
            del sent_in_memory()[:-MAILS]

    for service in (emulator.ses, emulator.ses_v2):  # the second has imported it by name
        require(service, "_smtp_relay", "source", "to_addrs", "message_str")
        replace(service, "_smtp_relay", write)


def mails_in(folder: Path) -> list[Mail]:
    """Return the mails in a folder, the newest last."""
    return [_parsed(path) for path in sorted(folder.glob("*.eml"))]


def print_mails(settings: Settings) -> int:
    """Print all mails, the newest last, and return 0."""
    mails = mails_in(settings.mails)
    for mail in mails:
        print(f"{mail.sent_at.astimezone():%Y-%m-%d %H:%M:%S}  to {mail.to}: {mail.subject}\n\n{mail.text}\n")
    if not mails:
        print("No mail has been sent yet.", file=sys.stderr)
    return 0


def _parsed(path: Path) -> Mail:
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    sent_at = datetime.strptime(path.name.split("-")[0], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
    headers = {name: str(value) for name, value in message.items()}
    text = _part(message, "plain") or _part(message, "html")
    return Mail(sent_at, headers["To"], headers["Subject"], text, _part(message, "html"), headers)


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return cast("str", body.get_content()).strip() if body is not None else ""
