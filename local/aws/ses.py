"""SES as AWS has it, but no email leaves the machine: each one is a file. Cognito's emails are sent here, too.

Templates of emails work as on AWS: in CloudFormation, with conditions, nested values and headers of their own.
The emulator's CloudFormation does not know templates. Its SES replaces names one after the other, so that a value may
be taken for a name, and leaves the headers out.
"""

import json
import re
import threading
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from email import message_from_string, policy
from itertools import count
from typing import Any

from local.emulator.loading import MiniStack
from local.emulator.patching import replace, require, rewrite
from local.settings import Settings

MAILS_KEPT = 500
_PARTS = {"Subject": "SubjectPart", "Text": "TextPart", "Html": "HtmlPart"}

# A line that holds nothing but the head, middle or end of a condition leaves no line behind.
_ALONE = re.compile(r"^[ \t]*(\{\{(?:#if [^}]*|else|/if)\}\})[ \t]*\n", re.MULTILINE)
_TAG = re.compile(r"\{\{(.*?)\}\}")
_NAME = re.compile(r"\w+(\.\w+)*")


class TemplateError(ValueError):
    """A template that SES would not render, or that needs more of Handlebars than there is here."""


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return a template with its values, which are put in as they are: names, nested ones, and conditions.

    Raises
    ------
    TemplateError
        A value is missing, even where it would be left out; a condition does not end; or there is something else of
        Handlebars.
    """
    pieces = _TAG.split(_ALONE.sub(r"\1", template))
    rendered, shown = [], [True]
    for place, piece in enumerate(pieces):
        if place % 2 == 0:
            rendered += [piece] * all(shown)
        elif piece.startswith("#if "):
            shown.append(bool(_value(piece.removeprefix("#if "), values)))
        elif piece == "else" and len(shown) > 1:
            shown[-1] = not shown[-1]
        elif piece == "/if" and len(shown) > 1:
            shown.pop()
        else:
            rendered += [str(_value(piece, values))] * all(shown)
    if len(shown) > 1:
        message = "a condition does not end"
        raise TemplateError(message)
    return "".join(rendered)


def _value(name: str, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
    found: Any = values
    for step in name.strip().split(".") if _NAME.fullmatch(name.strip()) else [name]:
        if not isinstance(found, Mapping) or step not in found:
            message = f"{{{{{name}}}}} is no name of a value"
            raise TemplateError(message)
        found = found[step]
    return found


def patch(emulator: MiniStack, settings: Settings) -> None:
    """Write each email to a file instead of sending it, add templates to CloudFormation, and send by them as AWS does.

    Raises
    ------
    EmulatorError
        If what this builds on is not there.
    """
    _write_mails(emulator, settings)
    _send_by_templates(emulator)


def _send_by_templates(emulator: MiniStack) -> None:
    """Let a template make SES's templates, and SES send by them as AWS does, from any address."""
    for service in (emulator.ses, emulator.ses_v2):  # the second has imported it by name
        require(service, "_render_template", "template", "template_data_json")
        replace(service, "_render_template", _render)
    require(emulator.ses_v2, "_message_rejection", "sender", "recipients")
    replace(emulator.ses_v2, "_message_rejection", lambda _sender, _recipients=(): None)
    sending = "            _smtp_relay(source, all_addrs, mime_str)\n\n        # Append to shared"
    rewrite(
        emulator.ses_v2,
        "handle_request",
        {sending: sending.replace("mime_str)", "_with_headers(mime_str, tpl or simple))")},
        _with_headers=_with_headers,
    )
    emulator.provisioners._RESOURCE_HANDLERS["AWS::SES::Template"] = _handlers(emulator)  # noqa: SLF001


def _render(template: Mapping[str, str], template_data_json: str) -> dict[str, str]:
    values = json.loads(template_data_json)
    return {name: render(template.get(part, ""), values) for name, part in _PARTS.items()}


def _with_headers(mime: str, content: Mapping[str, Any]) -> str:
    """Return a message with the headers that the content of SendEmail has for it."""
    message = message_from_string(mime, policy=policy.SMTP.clone(max_line_length=None))
    for header in content.get("Headers", ()):
        message[header["Name"]] = header["Value"]
    return message.as_string()


def _handlers(emulator: MiniStack) -> dict[str, Any]:
    stored: dict[str, Any] = emulator.ses._templates  # noqa: SLF001
    physical_name = require(
        emulator.provisioners, "_physical_name", "stack_name", "logical_id", "lowercase", "max_len", "seeded"
    )

    def put(name: str, template: dict[str, Any]) -> tuple[str, dict[str, str]]:
        stored[name] = {"TemplateName": name} | {part: template.get(part, "") for part in _PARTS.values()}
        return name, {"Id": name}

    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
        template = props["Template"]
        return put(template.get("TemplateName") or physical_name(stack_name, logical_id, max_len=64), template)

    def update(physical_id: str, _old: object, props: dict[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
        return put(physical_id, props["Template"])

    def delete(physical_id: str, _props: object) -> None:
        stored.pop(physical_id, None)

    return {"create": create, "update": update, "delete": delete}


def _write_mails(emulator: MiniStack, settings: Settings) -> None:
    """Write each email to a file before its sender gets an answer."""
    folder, numbers, lock = settings.mails, count(), threading.Lock()
    kept = deque(sorted(folder.glob("*.eml")))  # in the order of their names, which is that of their times
    sent_in_memory = require(emulator.ses, "_sent_emails_list")

    def write(_source: str, to_addrs: list[str], message_str: str) -> None:
        folder.mkdir(exist_ok=True)
        address = re.sub(r"[^\w.@+-]", "_", to_addrs[0])[:100]
        with lock:
            moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
            name = f"{moment}-{next(numbers) % 1000:03}-{address}.eml"
            kept.append(folder / name)
            while len(kept) > MAILS_KEPT:
                kept.popleft().unlink(missing_ok=True)
            # Whole or not at all: others look into the folder at any moment.
            (draft := folder / f"{name}.part").write_text(message_str)
            draft.replace(folder / name)
            del sent_in_memory()[:-MAILS_KEPT]

    for service in (emulator.ses, emulator.ses_v2):  # the second has imported it by name
        require(service, "_smtp_relay", "source", "to_addrs", "message_str")
        replace(service, "_smtp_relay", write)
