"""Events: one per change of a ticket, a comment or a file, written in the same transaction as the change.

They are the history that people read, the audit trail, and the outbox that is published from the table's stream.
"""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.ids import new_id
from ticketing.tickets.kinds import EventType, Priority, TicketType, Visibility
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Ticket

SCHEMA_VERSION = 2
"""The version of the events' schema. Version 1 is older than the event bus and was never published."""

SYSTEM_ID = "00000000-0000-0000-0000-000000000000"
"""The actor's id if the backend itself acts: the nil UUID, which no user has."""


class _Model(BaseModel):
    model_config = ConfigDict(defer_build=True, alias_generator=to_camel, frozen=True, populate_by_name=True)


class Actor(_Model):
    """Who made the change: a user, or the backend itself (`system`)."""

    id: str
    role: Role


class Change(_Model):
    """The old and the new value of a changed field; None for no value."""

    before: Any = Field(default=None, alias="from")
    after: Any = Field(default=None, alias="to")


class TicketSummary(_Model):
    """The ticket right after the change: enough to describe it, and to decide who may see the event."""

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
    """One change of one ticket, or of a comment or file on it. `changes` is keyed by the fields' names in JSON.

    An event of a comment names the comment without its text, so that deleting a comment deletes its text everywhere. It
    is the same with a file and its name.
    """

    id: str
    """The event's id: the same in every redelivery."""
    type: EventType
    schema_version: int = Field(default=SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION)
    """A higher version is refused, because its meaning is unknown. The consumer's queue keeps the event meanwhile."""
    tenant_id: str
    ticket_id: str
    version: int
    """The ticket's version after the change. A version has exactly one event of the ticket itself."""
    occurred_at: str
    """UTC, RFC 3339 with milliseconds and Z."""
    actor: Actor
    changes: dict[str, Change]
    """The changed fields, by their names in the API."""
    comment: str | None = None
    """The comment of a transition."""
    ticket: TicketSummary | None = None
    """The ticket right after the change. Not in events of version 1."""
    comment_id: str | None = None
    """The id of the comment. In events of comments, and of files that belong to one."""
    attachment_id: str | None = None
    """The id of the file. Only in events of files."""
    visibility: Visibility | None = None
    """Who may see the event: internal ones, only agents and admins. Only in events of comments and files."""
    mentions: list[str] | None = None
    """The ids of the users that the comment mentions. Only in events of comments."""
    truncated: list[str] | None = None
    """Fields whose texts were truncated for the event bus. The ticket's history has the full texts."""

    @property
    def is_internal(self) -> bool:
        """Whether only agents and admins may see it."""
        return self.visibility is Visibility.INTERNAL

    @property
    def is_aside(self) -> bool:
        """Whether it is of a comment or file, so that a version of the ticket may have several."""
        return self.comment_id is not None or self.attachment_id is not None

    @classmethod
    def of(cls, kind: EventType, ticket: Ticket, caller: Caller, changes: dict[str, Change]) -> Self:
        """Return the event of a change; `ticket` is the ticket after it."""
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
    """Return the fields of `after` that differ from `before`, each with both values."""
    return {
        name: Change(before=before.get(name), after=value) for name, value in after.items() if before.get(name) != value
    }
