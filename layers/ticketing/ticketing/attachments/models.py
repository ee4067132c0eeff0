"""Files on tickets, and the bodies and queries that callers send about them, as pydantic models."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, Field, Strict, StringConstraints

from ticketing.access.roles import Role
from ticketing.api.bodies import Body, Model, PageQuery
from ticketing.text import folded
from ticketing.tickets.kinds import Visibility

MOST_OF_TICKET: Final = 50
"""How many files a ticket may have, and how many internal ones beside them: who may not see these can't count them."""

_NOT_IN_NAMES: Final = re.compile("[\x00-\x1f\x7f-\x9f/\\\\\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Separators of paths, control characters, and those that let `exe.png` be read as `gnp.exe`."""

_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")
"""A type and subtype of RFC 6838, without parameters."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class State(StrEnum):
    """How far a file has come. It is read when it is CLEAN, and in no other state."""

    PENDING = "PENDING"
    """Announced; it has not arrived yet."""
    SCANNING = "SCANNING"
    CLEAN = "CLEAN"
    INFECTED = "INFECTED"
    UNSCANNABLE = "UNSCANNABLE"


WAITING: Final = frozenset({State.PENDING, State.SCANNING})
"""The states that something has to follow."""

REJECTED: Final = frozenset({State.INFECTED, State.UNSCANNABLE})
"""The states of files whose content is gone."""


class Reason(StrEnum):
    """Why a file was rejected."""

    THREATS_FOUND = "THREATS_FOUND"
    UNSUPPORTED = "UNSUPPORTED"
    """The scanner can't look into it: it is encrypted, too large, or too deeply packed."""
    OTHER_CONTENT = "OTHER_CONTENT"
    """What arrived is not what was announced."""


def _safe(name: str) -> str:
    """Return a file's name without what could lead elsewhere, or look like another name."""
    safe = _NOT_IN_NAMES.sub("_", name)
    if not folded(safe).strip(". "):
        message = "must be more than dots, and visible"
        raise ValueError(message)
    return safe


def _media_type(text: str) -> str:
    if not _MEDIA_TYPE.fullmatch(text):
        message = "must be a media type without parameters, such as image/png"
        raise ValueError(message)
    return text


def _sha256(text: str) -> str:
    if not _SHA256.fullmatch(text):
        message = "must be a SHA-256 in hex: 64 digits"
        raise ValueError(message)
    return text


FileName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), AfterValidator(_safe)]
MediaType = Annotated[str, StringConstraints(to_lower=True), AfterValidator(_media_type)]
Sha256 = Annotated[str, StringConstraints(to_lower=True), AfterValidator(_sha256)]


class AttachmentCreate(Body):
    """The body of createAttachment: what the client is going to upload."""

    file_name: FileName
    content_type: MediaType
    size: Annotated[int, Strict(), Field(ge=1)]
    """In bytes. How large a file may be, the deployment says."""
    sha256: Sha256
    visibility: Visibility = Visibility.PUBLIC


class AttachmentQuery(PageQuery):
    """The query of listAttachments."""


class Attachment(Model):
    """A file as it is stored, without its keys. Times are RFC 3339 texts in UTC with milliseconds."""

    id: str
    tenant_id: str
    ticket_id: str
    file_name: str
    content_type: str
    size: int
    sha256: str
    """In hex."""
    state: State
    visibility: Visibility
    announced_as: Visibility
    """The visibility with which it was announced, as which it is counted. A comment may have changed it since."""
    uploaded_by_id: str
    uploaded_by_role: Role
    """The role that they had: they are the actor of the event that the file is there."""
    created_at: str
    comment_id: str | None = None
    object_version: str | None = None
    """The version of the object that was scanned and is read. None until it has arrived."""
    reason: Reason | None = None
    """Why it was rejected."""
    request_hash: str | None = None
    """The hash of the request's body, if it had an Idempotency-Key."""

    @property
    def is_internal(self) -> bool:
        """Whether only agents and admins may see it."""
        return self.visibility is Visibility.INTERNAL

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(self.tenant_id, self.ticket_id, self.id)


class Place(NamedTuple):
    """Where a file is: its ids, of which the keys of its row and its object are made."""

    tenant_id: str
    ticket_id: str
    attachment_id: str
