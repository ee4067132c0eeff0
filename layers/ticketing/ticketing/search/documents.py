"""What of a ticket is searched: one document, made of the ticket's whole item collection."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING, Final

from ticketing.attachments.models import REJECTED, Attachment
from ticketing.attachments.repository import PREFIX as ATTACHMENT_PREFIX
from ticketing.comments.models import Comment, mentions_in, with_names
from ticketing.dynamodb.attributes import from_item
from ticketing.dynamodb.damage import Item, read_all
from ticketing.search.facts import facts_of, milliseconds
from ticketing.tickets.keys import COMMENT_PREFIX, TICKET
from ticketing.tickets.models import Ticket

if TYPE_CHECKING:
    from ticketing.api.bodies import Model
    from ticketing.search.facts import Calendar, Facts

_MOST_CHARACTERS: Final = 200_000
"""How many characters of a ticket's comments are searched, of the latest ones: twenty of the longest."""

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_HIGHEST: Final = (1 << 63) - 1
"""The highest number that all engines take."""


@dataclass(frozen=True, slots=True)
class Document:
    """A ticket as the index knows it. Times are milliseconds since 1970."""

    ticket_id: str
    number: int
    status: str
    priority: str
    type: str
    tags: tuple[str, ...]
    assignee_id: str | None
    reporter_id: str
    created_at: int
    updated_at: int
    resolved_at: int | None
    """When it was resolved last; None if it never was."""
    title: str
    texts: tuple[str, ...]
    """What everybody who sees the ticket may read: description, resolution, public comments, names of public files."""
    internal: tuple[str, ...]
    """What only agents and admins may read: internal comments, names of internal files."""
    has_file: bool
    """Whether it has a public file."""
    has_internal_file: bool
    facts: Facts | None = None
    """What reports know of it; without them it is in none."""


def document_of(items: Sequence[Item], calendar: Calendar) -> Document | None:
    """Return the document of a ticket, from all items under its partition key, in the order of their range keys.

    None if it is gone: there is no ticket, it is in the trash, or it can't be read, so that nobody is shown it. Of the
    rest, what can't be read is left out. Rejected files are not searched: nobody reads them.
    """
    rows = (item for item in items if item["SK"]["S"].startswith(TICKET))
    return next(read_all(rows, lambda row: _document(row, items, calendar)), None)


def _document(row: Item, items: Sequence[Item], calendar: Calendar) -> Document | None:
    """Return the document of a ticket by its row, and all items; None if it is in the trash.

    What it raises is what `read_all` takes for damage: a single ticket must not hold up its tenant's index.
    """
    ticket = Ticket.model_validate(from_item(row))
    if ticket.deleted_at is not None:
        return None
    if not (0 <= ticket.number <= _HIGHEST and is_id(ticket.id)):
        message = "no number or id of a ticket"
        raise ValueError(message)
    comments = list(_read(items, COMMENT_PREFIX, Comment))
    files = [each for each in _read(items, ATTACHMENT_PREFIX, Attachment) if each.state not in REJECTED]
    public, internal = _texts(comments, files, internal=False), _texts(comments, files, internal=True)
    facts = facts_of(ticket, items, calendar)
    own = (ticket.description, *([ticket.resolution] if ticket.resolution else []))
    return Document(
        ticket_id=ticket.id,
        number=ticket.number,
        status=ticket.status.value,
        priority=ticket.priority.value,
        type=ticket.type.value,
        tags=tuple(ticket.tags),
        assignee_id=ticket.assigned_to_id,
        reporter_id=ticket.reporter_id,
        created_at=facts.created_at,
        updated_at=milliseconds(ticket.updated_at),
        resolved_at=facts.resolutions[-1].at if facts.resolutions else None,
        title=ticket.title,
        texts=(*own, *public),
        internal=internal,
        has_file=any(not each.is_internal for each in files),
        has_internal_file=any(each.is_internal for each in files),
        facts=facts,
    )


def is_id(text: str) -> bool:
    """Return whether this can be a ticket's id: nothing else is written into an index, or taken out."""
    return _ID.fullmatch(text) is not None


def _read[M: Model](items: Iterable[Item], prefix: str, model: type[M]) -> Iterator[M]:
    """Yield what items of one kind hold, by the beginning of their range keys."""
    chosen = (item for item in items if item["SK"]["S"].startswith(prefix))
    return read_all(chosen, lambda item: model.model_validate(from_item(item)))


def _texts(comments: Sequence[Comment], files: Sequence[Attachment], *, internal: bool) -> tuple[str, ...]:
    bodies = [_without_mentions(each.body) for each in comments if each.is_internal is internal]
    sizes = accumulate(map(len, reversed(bodies)))
    kept = sum(1 for _ in takewhile(_MOST_CHARACTERS.__ge__, sizes))
    return (*bodies[len(bodies) - kept :], *(each.file_name for each in files if each.is_internal is internal))


def _without_mentions(text: str) -> str:
    """Return a comment without the ids of people that it mentions: nobody looks for these, and they are long."""
    return with_names(text, dict.fromkeys(mentions_in(text), ""))
