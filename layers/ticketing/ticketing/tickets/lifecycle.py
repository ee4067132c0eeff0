"""The life of a ticket: which status may follow which, who may move it there, and what that takes.

`LIFECYCLE` is the table that people read and that `allowedTransitions` is computed from. It does not enforce
anything: every change of a status is an execution of `statemachines/ticket_lifecycle.asl.yaml`, and
`tests/workflow` runs that machine for every pair of statuses, role and relation against this table.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ticketing.access.roles import AGENTS, AGENTS_AND_REPORTER, Role


class Status(StrEnum):
    """Where a ticket stands."""

    NEW = "NEW"
    OPEN = "OPEN"
    IN_PROGRESS = "IN_PROGRESS"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"


class Requirement(StrEnum):
    """The field of a ticket that must hold something before the move."""

    ASSIGNEE = "assignedToId"
    RESOLUTION = "resolution"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table: who may move a ticket from `source` to `target`, and what must be there first."""

    source: Status
    target: Status
    by: frozenset[Role]
    """`reporter` here means: the reporter of this very ticket."""
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
"""How long a CLOSED ticket may still be opened again."""


def allowed_transitions(
    status: Status, *, role: Role, is_reporter: bool, closed_at: datetime | None, now: datetime
) -> list[Status]:
    """Return the statuses that a caller may move a ticket to now, in the table's order.

    A move whose requirement (assignee, resolution) is still missing is included: the caller can bring it along.

    Parameters
    ----------
    status
        Where the ticket stands.
    role
        The caller's role in the tenant.
    is_reporter
        Whether the caller reported this ticket.
    closed_at
        When the ticket was closed; None unless it is CLOSED.
    now
        The present, with a time zone.
    """
    if closed_at is not None and now - closed_at > REOPEN_WINDOW:
        return []
    return [
        row.target
        for row in LIFECYCLE
        if row.source is status and role in row.by and (role is not Role.REPORTER or is_reporter)
    ]
