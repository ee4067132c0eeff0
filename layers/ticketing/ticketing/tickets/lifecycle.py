"""The ticket lifecycle: the allowed transitions, who may make them, and the fields that they require.

`LIFECYCLE` is the table that people read and that `allowedTransitions` is computed from. It enforces nothing: only the
state machine `statemachines/ticket_lifecycle.asl.yaml` can change a ticket's status. `tests/workflow` compares the
state machine with this table for every pair of statuses, role and relation.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ticketing.access.roles import AGENTS, AGENTS_AND_REPORTER, Role


class Status(StrEnum):
    """The status of a ticket."""

    NEW = "NEW"
    OPEN = "OPEN"
    IN_PROGRESS = "IN_PROGRESS"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"


class Requirement(StrEnum):
    """A field that must have a value before the transition."""

    ASSIGNEE = "assignedToId"
    RESOLUTION = "resolution"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table: who may move a ticket from `source` to `target`, and the field that it requires."""

    source: Status
    target: Status
    by: frozenset[Role]
    """The role `reporter` means the reporter of this ticket."""
    needs: Requirement | None = None


LIFECYCLE = (
    Transition(Status.NEW, Status.OPEN, AGENTS),
    Transition(Status.NEW, Status.CLOSED, AGENTS_AND_REPORTER),
    Transition(Status.OPEN, Status.IN_PROGRESS, AGENTS, needs=Requirement.ASSIGNEE),
    Transition(Status.OPEN, Status.RESOLVED, AGENTS, needs=Requirement.RESOLUTION),
    Transition(Status.OPEN, Status.CLOSED, AGENTS_AND_REPORTER),
    Transition(Status.IN_PROGRESS, Status.OPEN, AGENTS),
    Transition(Status.IN_PROGRESS, Status.RESOLVED, AGENTS, needs=Requirement.RESOLUTION),
    Transition(Status.RESOLVED, Status.OPEN, AGENTS_AND_REPORTER),
    Transition(Status.RESOLVED, Status.CLOSED, AGENTS_AND_REPORTER | {Role.SYSTEM}),
    Transition(Status.CLOSED, Status.OPEN, AGENTS),
)

REOPEN_WINDOW = timedelta(days=30)
"""How long a CLOSED ticket can be reopened."""


def allowed_transitions(
    status: Status, *, role: Role, is_reporter: bool, closed_at: datetime | None, now: datetime
) -> list[Status]:
    """Return the statuses that a caller may move a ticket to now, in the table's order.

    A transition whose required field (assignee, resolution) is empty is included: the request can set the field.

    Parameters
    ----------
    status
        The ticket's status.
    role
        The caller's role in the tenant.
    is_reporter
        Whether the caller reported this ticket.
    closed_at
        When the ticket was closed; None unless it is CLOSED.
    now
        The current time, with a time zone.
    """
    if closed_at is not None and now - closed_at > REOPEN_WINDOW:
        return []
    return [
        row.target
        for row in LIFECYCLE
        if row.source is status and role in row.by and (role is not Role.REPORTER or is_reporter)
    ]
