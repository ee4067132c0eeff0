"""Closing tickets that have been RESOLVED for as long as their tenant's setting says."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aws_lambda_powertools.logging import Logger

from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.clock import timestamp
from ticketing.tickets.events import SYSTEM_ID
from ticketing.tickets.lifecycle import Status

if TYPE_CHECKING:
    from ticketing.tickets.repository import TicketRepository
    from ticketing.tickets.state_machine import LifecycleClient, Outcome

logger = Logger()


@dataclass(slots=True)
class Closed:
    """The result of a run: the number of tickets by outcome, the tenants that failed, how many were not finished."""

    outcomes: Counter[str] = field(default_factory=Counter[str])
    failed: list[str] = field(default_factory=list)
    unfinished: int = 0


def closing(
    tenant_id: str, days: int, tickets: TicketRepository, lifecycle: LifecycleClient, now: datetime
) -> Iterator[Outcome]:
    """Close the tickets that have been RESOLVED without a change for so many days, oldest change first.

    It is lazy: each ticket is closed when the next outcome is requested. The state machine decides, and gets the
    version that was read, so a ticket that was changed since then stays as it is.
    """
    system = Caller(SYSTEM_ID, tenant_id, Role.SYSTEM)
    since = timestamp(now - timedelta(days=days))
    for ticket_id, version in tickets.unchanged(Status.RESOLVED, since=since):
        yield lifecycle.move(
            ticket_id, Status.CLOSED, system, fields={}, comment=None, expected_version=version
        ).outcome


def close_in_turn(due: Mapping[str, Iterator[Outcome]], *, goes_on: Callable[[], bool]) -> Closed:
    """Close the tickets of many tenants, one of each in turn, so that no tenant waits for all of another's.

    After a failure of one ticket, the rest of its tenant is left to the next run.
    """
    closed, tenants = Closed(), deque(due.items())
    while tenants and goes_on():
        tenant_id, tickets = tenants.popleft()
        try:
            outcome = next(tickets, None)
        except Exception:
            logger.exception("closing a tenant's tickets failed", extra={"tenantId": tenant_id})
            closed.failed.append(tenant_id)
            continue
        if outcome is not None:
            closed.outcomes[outcome.value] += 1
            tenants.append((tenant_id, tickets))
    closed.unfinished = len(tenants)
    return closed
