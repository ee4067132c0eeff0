"""Tickets, and the bodies and queries that callers send, as pydantic models."""

import re
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic.alias_generators import to_camel

from ticketing import clock
from ticketing.api.bodies import TEXT, Body, Id, LongText, Model, PageQuery, Update, absent, few, listed, moment
from ticketing.tickets.kinds import Priority, Sort, TicketType
from ticketing.tickets.lifecycle import Status

_LONGEST_TAG: Final = 50

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), TEXT]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=_LONGEST_TAG), TEXT]
Tags = Annotated[list[Tag], Field(max_length=20)]


FEW: Final = BeforeValidator(few)
"""Makes a filter of a list one of several values."""


class TicketCreate(Body):
    """The body of createTicket."""

    title: Title
    description: LongText
    status: Literal[Status.NEW, Status.OPEN] = Status.NEW
    priority: Priority = Priority.MEDIUM
    type: TicketType = TicketType.INCIDENT
    reporter_id: Id = absent()
    assigned_to_id: Id | None = None
    tags: Tags = []


class TicketReplace(Body):
    """The body of replaceTicket: all fields that a caller may set. Missing ones become null or an empty list."""

    title: Title
    description: LongText
    status: Status
    priority: Priority
    type: TicketType
    reporter_id: Id
    assigned_to_id: Id | None = None
    tags: Tags = []
    resolution: LongText | None = None


class TicketUpdate(Update):
    """The body of updateTicket."""

    title: Title = absent()
    description: LongText = absent()
    status: Status = absent()
    priority: Priority = absent()
    type: TicketType = absent()
    reporter_id: Id = absent()
    assigned_to_id: Id | None = None
    tags: Tags = absent()
    resolution: LongText | None = None


class TransitionRequest(Body):
    """The body of transitionTicket."""

    to: Status
    resolution: LongText = absent()
    comment: LongText = absent()


class Expandable(StrEnum):
    """The people of a ticket that `expand` can name."""

    REPORTER = "reporter"
    ASSIGNED_TO = "assignedTo"


class ExpandQuery(Body):
    """The query of getTicket."""

    expand: Annotated[frozenset[Expandable], BeforeValidator(listed)] = frozenset()


class HistoryQuery(PageQuery):
    """The query of listTicketHistory."""

    expand: Annotated[frozenset[Literal["actor"]], BeforeValidator(listed)] = frozenset()


def _tags(value: Any) -> Any:  # noqa: ANN401 - whatever the query holds
    """Return the tags in a text. One with a comma in it is also meant as a whole: tags may contain commas."""
    is_one, values = isinstance(value, str) and len(value.strip()) <= _LONGEST_TAG, few(value)
    return [*values, value] if is_one and len(values) > 1 else values


def _ticket_number(value: Any) -> int:  # noqa: ANN401 - whatever the query holds
    if not re.fullmatch(r"0*[1-9][0-9]{0,14}", value):
        message = "must be a whole number from 1 to 999999999999999"
        raise ValueError(message)
    return int(value)


def _since(text: str) -> str:
    """Return a time in the format of the times of tickets: what these leave out, below a millisecond, is left out."""
    return clock.timestamp(moment(text))


class TicketQuery(PageQuery, ExpandQuery):
    """The query of listTickets; `me` stands for the caller, `none` for nobody.

    A filter has up to five values, and is empty without any. `updated_since` is in the format of the times of tickets.
    """

    REPEATABLE: ClassVar = frozenset({"status", "priority", "type", "assignedToId", "reporterId", "tag"})

    status: Annotated[tuple[Status, ...], FEW] = ()
    priority: Annotated[tuple[Priority, ...], FEW] = ()
    type: Annotated[tuple[TicketType, ...], FEW] = ()
    assigned_to_id: Annotated[tuple[Id | Literal["me", "none"], ...], FEW] = ()
    reporter_id: Annotated[tuple[Id | Literal["me"], ...], FEW] = ()
    tag: Annotated[tuple[Tag, ...], BeforeValidator(_tags)] = ()
    number: Annotated[int, BeforeValidator(_ticket_number)] | None = None
    updated_since: Annotated[str, AfterValidator(_since)] | None = None
    sort: Sort = Sort.LAST_UPDATED


EDITABLE = frozenset({"title", "description", "priority", "type", "reporterId", "assignedToId", "tags", "resolution"})
"""The fields of a ticket that callers set directly, by their names in JSON. Only the state machine sets `status`."""


class Ticket(Model):
    """A ticket as stored, without the item's keys. Times are RFC 3339 texts in UTC with milliseconds.

    Whether an empty list comes back from an execution of the state machine as a list is not documented, so a list that
    is not there is empty.
    """

    id: str
    tenant_id: str
    number: int
    title: str
    description: str
    status: Status
    priority: Priority
    type: TicketType
    reporter_id: str
    assigned_to_id: str | None = None
    tags: list[str] = []
    resolution: str | None = None
    version: int
    created_at: str
    updated_at: str
    first_responded_at: str | None = None
    closed_at: str | None = None
    deleted_at: str | None = None
    request_hash: str | None = None

    def editable(self) -> dict[str, Any]:
        """Return the fields that a caller may set, by their names in JSON, as plain JSON values."""
        return self.model_dump(mode="json", by_alias=True, include=_EDITABLE_ATTRIBUTES)


_EDITABLE_ATTRIBUTES = {name for name in Ticket.model_fields if to_camel(name) in EDITABLE}
