"""What the operations on watching a ticket share: whether the caller may, and what they chose."""

import os

from ticketing import aws
from ticketing.identity import Caller
from ticketing.permissions import Grant
from ticketing.tables import until_written
from ticketing.tickets import find_ticket, tickets_of
from ticketing.watchers import Watchers


def watchers_of(caller: Caller) -> Watchers:
    """Return the choices to watch tickets of the caller's tenant."""
    return Watchers(aws.dynamodb_for(caller.tenant_id), os.environ["TICKETS_TABLE"], caller.tenant_id)


def choose(granted: Grant, ticket_id: str, *, watches: bool) -> None:
    """Let the caller watch a ticket, or no longer.

    Raises
    ------
    TicketNotFoundError
        The caller may not know of the ticket.
    ConflictError
        Others kept changing it.
    """
    caller = granted.caller
    tickets, watchers = tickets_of(caller), watchers_of(caller)

    def attempt() -> None:
        ticket = find_ticket(granted, tickets.get(ticket_id))
        watchers.choose(tickets.as_read(ticket), ticket.id, caller.user_id, watches=watches)

    until_written(attempt)
