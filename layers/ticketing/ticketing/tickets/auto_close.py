"""Closing tickets that have been RESOLVED for as long as their tenant's setting says."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools.logging import Logger

from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.clock import timestamp
from ticketing.errors import DamagedItemError
from ticketing.tickets.events import SYSTEM_ID
from ticketing.tickets.lifecycle import Status

if TYPE_CHECKING:
    from ticketing.tickets.repository import TicketRepository
    from ticketing.tickets.state_machine import LifecycleClient, Outcome

_MOST_IN_A_ROW: Final = 10
"""After so many failures in a row, the rest of a tenant's tickets is left to the next run."""

logger = Logger()


class NotClosedError(Exception):
    """Some of a tenant's tickets could not be closed."""


@dataclass(slots=True)
class Closed:
    """The result of a run: the number of tickets by outcome, the tenants that failed, how many were not finished."""

    outcomes: Counter[str] = field(default_factory=Counter[str])
    failed: list[str] = field(default_factory=list)
    unfinished: int = 0


def closing(
    tenant_id: str, days: int, tickets: TicketRepository, lifecycle: LifecycleClient, now: datetime
) -> Iterator[Outcome | None]:
    """Close the tickets that have been RESOLVED without a change for so many days, oldest change first.

    It is lazy: each ticket is closed when the next outcome is requested; None for one that failed, which holds up no
    other. The state machine decides, and gets the version that was read, so a ticket that was changed since then stays
    as it is.

    Raises
    ------
    NotClosedError
        Tickets failed, and all others were tried; or several failed in a row, so that AWS seems to be the cause.
    """
    system = Caller(SYSTEM_ID, tenant_id, Role.SYSTEM)
    since = timestamp(now - timedelta(days=days))
    failed = in_a_row = 0
    for ticket_id, version in tickets.unchanged(Status.RESOLVED, since=since):
        try:
            verdict = lifecycle.move(
                ticket_id, Status.CLOSED, system, fields={}, comment=None, expected_version=version
            )
        except DamagedItemError:  # reported where it was read
            yield None
        except Exception:
            logger.exception("closing a ticket failed", extra={"tenantId": tenant_id, "ticketId": ticket_id})
            failed, in_a_row = failed + 1, in_a_row + 1
            if in_a_row == _MOST_IN_A_ROW:
                break
            yield None
        else:
            in_a_row = 0
            yield verdict.outcome
    if failed:
        message = f"{failed} tickets could not be closed"
        raise NotClosedError(message)


def close_in_turn(due: Mapping[str, Iterator[Outcome | None]], *, goes_on: Callable[[], bool]) -> Closed:
    """Close the tickets of many tenants, one of each in turn, so that no tenant waits for all of another's."""
    closed, tenants = Closed(), deque(due.items())
    while tenants and goes_on():
        tenant_id, tickets = tenants.popleft()
        try:
            outcome = next(tickets)
        except StopIteration:
            continue
        except Exception:
            logger.exception("closing a tenant's tickets failed", extra={"tenantId": tenant_id})
            closed.failed.append(tenant_id)
            continue
        if outcome is not None:
            closed.outcomes[outcome.value] += 1
        tenants.append((tenant_id, tickets))
    closed.unfinished = len(tenants)
    return closed
