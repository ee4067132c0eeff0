"""Closing the tickets of a tenant that have been resolved for long enough."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.clock import timestamp
from ticketing.tickets.events import SYSTEM_ID
from ticketing.tickets.lifecycle import Status

if TYPE_CHECKING:
    from ticketing.tickets.repository import TicketRepository
    from ticketing.tickets.state_machine import LifecycleClient, Outcome


def closing(
    tenant_id: str, days: int, tickets: TicketRepository, lifecycle: LifecycleClient, now: datetime
) -> Iterator[Outcome]:
    """Close the tickets that have been RESOLVED without a change for so many days, longest unchanged first.

    Yields one outcome for each ticket, which is closed as the outcome is asked for.

    The state machine decides, as for everybody. It is told the version that was seen, so a ticket that somebody has
    touched since is left alone.
    """
    system = Caller(SYSTEM_ID, tenant_id, Role.SYSTEM)
    since = timestamp(now - timedelta(days=days))
    for ticket_id, version in tickets.unchanged(Status.RESOLVED, since=since):
        yield lifecycle.move(
            ticket_id, Status.CLOSED, system, fields={}, comment=None, expected_version=version
        ).outcome
