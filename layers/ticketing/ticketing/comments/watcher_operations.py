"""Watching a ticket, or no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketing.aws.data import of_caller
from ticketing.comments.watcher_repository import WatcherRepository
from ticketing.dynamodb.transactions import until_written
from ticketing.tickets.operations import find_ticket
from ticketing.tickets.repository import TicketRepository

if TYPE_CHECKING:
    from ticketing.access.permissions import Grant


def set_watching(granted: Grant, ticket_id: str, *, watching: bool) -> None:
    """Make the caller watch a ticket, or stop watching it.

    Raises
    ------
    TicketNotFoundError
        The ticket does not exist, or the caller may not see it.
    ConflictError
        Each attempt met another change of the ticket.
    """
    caller = granted.caller
    tickets, watchers = TicketRepository(of_caller(caller)), WatcherRepository(of_caller(caller))

    def attempt() -> None:
        ticket = find_ticket(granted, tickets.get(ticket_id))
        watchers.put_setting(tickets.version_check(ticket), ticket.id, caller.user_id, watching=watching)

    until_written(attempt)
