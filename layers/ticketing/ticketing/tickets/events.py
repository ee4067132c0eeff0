"""What happened to a ticket: one event per change, written in the same transaction as the change.

The event is the history that a person reads, the audit trail, and the outbox that the table's stream publishes.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.ids import new_id
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Priority, Ticket, TicketType

SCHEMA_VERSION = 2
"""The version of the events' shape. Those of version 1 are of before there was a bus and were never published."""

SYSTEM_ID = "00000000-0000-0000-0000-000000000000"
"""The actor's id where the backend acts by itself: the nil UUID, which is nobody's."""


class EventType(StrEnum):
    """The kinds of change."""

    TICKET_CREATED = "TicketCreated"
    TICKET_UPDATED = "TicketUpdated"
    TICKET_TRANSITIONED = "TicketTransitioned"
    TICKET_DELETED = "TicketDeleted"
    TICKET_RESTORED = "TicketRestored"
    COMMENT_ADDED = "CommentAdded"
    COMMENT_UPDATED = "CommentUpdated"
    COMMENT_DELETED = "CommentDeleted"


class Visibility(StrEnum):
    """Who may see a comment and all that tells of it: everybody who may see the ticket, or agents and admins alone."""

    PUBLIC = "public"
    INTERNAL = "internal"


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True, populate_by_name=True)


class Actor(_Model):
    """Who made the change: a user, or the backend itself (`system`)."""

    id: str
    role: Role


class Change(_Model):
    """The two values of a changed field; None where it had, or has, none."""

    before: Any = Field(default=None, alias="from")
    after: Any = Field(default=None, alias="to")


class TicketSummary(_Model):
    """What the ticket was right after the change: enough to say what it is about, and to whom it may be told."""

    number: int
    title: str
    status: Status
    priority: Priority
    type: TicketType
    reporter_id: str
    assigned_to_id: str | None = None

    @classmethod
    def of(cls, ticket: Ticket) -> Self:
        """Return the summary of a ticket."""
        return cls.model_validate(ticket.model_dump(include=set(cls.model_fields)))


class TicketEvent(_Model):
    """One change of one ticket, or of a comment on it. `changes` is keyed by the fields' outside names.

    An event of a comment names the comment and holds nothing of its text: what is deleted shall be nowhere.
    """

    id: str
    """The event's own; the same each time that it comes."""
    type: EventType
    schema_version: int = Field(default=SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION)
    """A higher one is refused: its meaning is not known here. So a consumer's queue keeps the event until it is."""
    tenant_id: str
    ticket_id: str
    version: int
    """The ticket's version after the change. An event of the ticket itself is the only such one with this version."""
    occurred_at: str
    """UTC, RFC 3339 with milliseconds and Z."""
    actor: Actor
    changes: dict[str, Change]
    """The changed fields, by their names in the API."""
    comment: str | None = None
    """What was said with a transition."""
    ticket: TicketSummary | None = None
    """What the ticket was right after the change. Not in events of version 1."""
    comment_id: str | None = None
    """The comment that it is about. In events of comments only, like the next two."""
    visibility: Visibility | None = None
    """Who may learn of it. What is internal, agents and admins only."""
    mentions: list[str] | None = None
    """The ids of the users whom the comment mentions."""
    truncated: list[str] | None = None
    """Fields whose texts were cut to fit the bus; the ticket's history has them whole."""

    @property
    def is_internal(self) -> bool:
        """Whether only agents and admins may learn of it."""
        return self.visibility is Visibility.INTERNAL

    @classmethod
    def of(cls, kind: EventType, ticket: Ticket, caller: Caller, changes: dict[str, Change]) -> Self:
        """Return the event of a change that left the ticket as it is given."""
        return cls(
            id=new_id(),
            type=kind,
            tenant_id=ticket.tenant_id,
            ticket_id=ticket.id,
            version=ticket.version,
            occurred_at=ticket.updated_at,
            actor=Actor(id=caller.user_id, role=caller.role),
            changes=changes,
            ticket=TicketSummary.of(ticket),
        )


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Change]:
    """Return the fields of `after` whose values differ from those in `before`, each with both of its values."""
    return {
        name: Change(before=before.get(name), after=value) for name, value in after.items() if before.get(name) != value
    }
