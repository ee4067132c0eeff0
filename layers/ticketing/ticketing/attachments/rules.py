"""Rules: who may remove a file and for how long, who may make one internal, and how its content is served."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ticketing.access.roles import Role
from ticketing.errors import ForbiddenError
from ticketing.tickets.rules import sees_internal

if TYPE_CHECKING:
    from ticketing.access.identity import Caller
    from ticketing.attachments.models import Attachment

REMOVAL_WINDOW: Final = timedelta(minutes=15)
"""How long the uploader may remove a file after announcing it."""

MODERATORS: Final = frozenset({Role.ADMIN})
"""The roles that may remove anybody's file, at any time."""

HARMLESS: Final = frozenset(
    {
        "application/gzip",
        "application/json",
        "application/msword",
        "application/pdf",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/zip",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "image/bmp",
        "image/gif",
        "image/heic",
        "image/jpeg",
        "image/png",
        "image/tiff",
        "image/webp",
        "text/csv",
        "text/plain",
        "video/mp4",
        "video/webm",
    }
)
"""The types with which content is served: no browser runs what is in them. HTML, SVG and XML are not among them."""

ANY_TYPE: Final = "application/octet-stream"

_LONGEST_QUOTED: Final = 1200
"""Characters of a name in a header: in an address it is escaped once more, and an address has 8 KB at most."""

_NOT_IN_QUOTES: Final = re.compile(r'[^ -~]|["%\\]')


def check_visibility(caller: Caller, *, internal: bool) -> None:
    """Raise ForbiddenError unless the caller may attach such a file."""
    if internal and not sees_internal(caller):
        message = f"The role {caller.role} may not attach internal files."
        raise ForbiddenError(message, ["visibility"])


def check_removal(caller: Caller, attachment: Attachment, now: datetime) -> None:
    """Raise ForbiddenError unless the caller may remove a file that they can see."""
    if caller.role in MODERATORS:
        return
    minutes = REMOVAL_WINDOW // timedelta(minutes=1)
    if caller.user_id != attachment.uploaded_by_id:
        message = f"Only its uploader, for {minutes} minutes, or an admin may remove a file."
        raise ForbiddenError(message)
    if now - datetime.fromisoformat(attachment.created_at) > REMOVAL_WINDOW:
        message = f"Its uploader may remove a file for {minutes} minutes, an admin at any time."
        raise ForbiddenError(message)


def served_type(content_type: str) -> str:
    """Return the type with which the content of a file is served."""
    return content_type if content_type in HARMLESS else ANY_TYPE


def disposition(name: str) -> str:
    """Return the `Content-Disposition` that lets a browser save a file under its name (RFC 6266, RFC 8187)."""
    while len(quoted := quote(name, safe="")) > _LONGEST_QUOTED:
        stem, dot, extension = name.rpartition(".")
        # What is after the last dot is kept, unless it is the whole name, or most of it.
        name = f"{stem[:-1]}{dot}{extension}" if len(stem) > len(extension) else name[:-1]
    plain = _NOT_IN_QUOTES.sub("_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quoted}"
