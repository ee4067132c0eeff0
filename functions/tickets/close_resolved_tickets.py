"""Closes the tickets that have been RESOLVED for as long as their tenant has set: by schedule, every hour."""

from collections import Counter, deque
from typing import Any, Final

from aws_lambda_powertools.logging import Logger

from ticketing import clock
from ticketing.aws import clients
from ticketing.aws.data import of_tenant
from ticketing.deployment import DEPLOYMENT
from ticketing.tickets.auto_close import closing
from ticketing.tickets.repository import TicketRepository
from ticketing.tickets.state_machine import Outcome, lifecycle_client
from ticketing.users.tenant_repository import auto_closing

_LAST_START: Final = 30_000
"""Milliseconds that have to be left for another ticket: a move takes 23 s at most."""

logger = Logger(service="tickets")


class NotAllClosedError(Exception):
    """Some tenants' tickets could not be closed; they come up again in an hour."""


def handler(_event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's own type
    """Close what is due, one ticket of each tenant in turn, so that none waits for all of another's.

    What there is no time for comes up again in an hour, as does all of a tenant of whom one ticket failed.

    Raises
    ------
    NotAllClosedError
        After the tickets of all others: a tenant's failed.
    """
    client, now = clients.dynamodb(), clock.now()
    lifecycle = lifecycle_client()
    tenants = deque(
        (
            setting.tenant_id,
            closing(setting.tenant_id, setting.days, TicketRepository(of_tenant(setting.tenant_id)), lifecycle, now),
        )
        for setting in auto_closing(client, DEPLOYMENT.tables.users)
    )
    outcomes, failed = Counter[Outcome](), list[str]()
    while tenants and context.get_remaining_time_in_millis() > _LAST_START:
        tenant_id, tickets = tenants.popleft()
        try:
            outcome = next(tickets, None)
        except Exception:
            logger.exception("closeResolvedTickets", extra={"tenantId": tenant_id})
            failed.append(tenant_id)
            continue
        if outcome is not None:
            outcomes[outcome] += 1
            tenants.append((tenant_id, tickets))
    counts = {outcome.value: number for outcome, number in outcomes.items()}
    logger.info("closeResolvedTickets", extra={"outcomes": counts, "failed": failed, "unfinished": len(tenants)})
    if failed:
        message = f"failed for {len(failed)} tenants"
        raise NotAllClosedError(message)
