"""closeResolvedTickets: closes tickets that are RESOLVED for as long as their tenant's setting says. Runs hourly."""

from typing import Any, Final

from ticketing import clock
from ticketing.aws import clients
from ticketing.aws.data import of_tenant
from ticketing.deployment import DEPLOYMENT
from ticketing.events.consumer import Work, job
from ticketing.tickets.auto_close import close_in_turn, closing
from ticketing.tickets.repository import TicketRepository
from ticketing.tickets.state_machine import lifecycle_client
from ticketing.users.tenant_repository import auto_closing

_LAST_START: Final = 30_000
"""Milliseconds that must be left to start with another ticket. Moving one takes 23 s at most."""


class NotAllClosedError(Exception):
    """Some tenants' tickets could not be closed. The next run tries again."""


@job("closeResolvedTickets")
def handler(_event: dict[str, Any], work: Work) -> None:
    """Close the tickets that are due. The next run retries failures and continues where the time ran out.

    Raises
    ------
    NotAllClosedError
        Tickets of some tenants failed. All others were handled before.
    """
    lifecycle, now = lifecycle_client(), clock.now()
    due = {
        setting.tenant_id: closing(
            setting.tenant_id, setting.days, TicketRepository(of_tenant(setting.tenant_id)), lifecycle, now
        )
        for setting in auto_closing(clients.dynamodb(), DEPLOYMENT.tables.users)
    }
    closed = close_in_turn(due, goes_on=lambda: work.milliseconds_left > _LAST_START)
    work.log(outcomes=closed.outcomes, failed=closed.failed, unfinished=closed.unfinished)
    if closed.failed:
        message = f"failed for {len(closed.failed)} tenants"
        raise NotAllClosedError(message)
