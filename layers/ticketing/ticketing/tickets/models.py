"""Tickets, and the bodies and queries that callers send, as pydantic models."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints
from pydantic.alias_generators import to_camel

from ticketing.api.bodies import TEXT, Body, Id, LongText, Model, PageQuery, Update, absent, listed
from ticketing.tickets.kinds import Priority, TicketType
from ticketing.tickets.lifecycle import Status

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), TEXT]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50), TEXT]
Tags = Annotated[list[Tag], Field(max_length=20)]


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


class TicketQuery(PageQuery, ExpandQuery):
    """The query of listTickets; `me` stands for the caller, `none` for nobody."""

    status: Status | None = None
    priority: Priority | None = None
    type: TicketType | None = None
    assigned_to_id: Id | Literal["me", "none"] | None = None
    reporter_id: Id | Literal["me"] | None = None
    tag: Tag | None = None


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
