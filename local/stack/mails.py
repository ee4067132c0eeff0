"""``make mails``: the emails that Cognito and SES would have sent, read from their files."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path
from typing import cast

from local.settings import Settings


@dataclass(frozen=True, slots=True)
class Mail:
    """An email that was sent: `text` is its plain part, or its HTML if it has none."""

    sent_at: datetime
    to: str
    subject: str
    text: str
    html: str
    """Empty if the email is plain text only."""
    headers: dict[str, str]


def mails_in(folder: Path) -> list[Mail]:
    """Return the emails in a folder, the newest last."""
    return [_parsed(path) for path in sorted(folder.glob("*.eml"))]


def print_mails(settings: Settings) -> int:
    """Print all emails, the newest last, and return 0."""
    mails = mails_in(settings.mails)
    for mail in mails:
        print(f"{mail.sent_at.astimezone():%Y-%m-%d %H:%M:%S}  to {mail.to}: {mail.subject}\n\n{mail.text}\n")
    if not mails:
        print("No mail has been sent yet.", file=sys.stderr)
    return 0


@lru_cache(maxsize=2_000)  # a mail never changes, and reading its headers takes milliseconds
def _parsed(path: Path) -> Mail:
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    sent_at = datetime.strptime(path.name.split("-")[0], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
    headers = {name: str(value) for name, value in message.items()}
    text = _part(message, "plain") or _part(message, "html")
    return Mail(sent_at, headers["To"], headers["Subject"], text, _part(message, "html"), headers)


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return cast("str", body.get_content()).strip() if body is not None else ""
