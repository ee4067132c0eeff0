"""The trash: deleting a ticket moves it there, and it can be restored for 30 days."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketing import clock
from ticketing.aws.data import of_caller
from ticketing.dynamodb.transactions import until_written
from ticketing.tickets.events import Change, TicketEvent
from ticketing.tickets.kinds import EventType
from ticketing.tickets.operations import find_ticket, next_version
from ticketing.tickets.repository import TicketRepository

if TYPE_CHECKING:
    from ticketing.access.permissions import Grant
    from ticketing.tickets.models import Ticket


def delete_ticket(granted: Grant, ticket_id: str, expected_version: int | None) -> None:
    """Move a ticket to the trash.

    Raises
    ------
    TicketNotFoundError, PreconditionFailedError, ConflictError
        It does not exist for this caller; it has another version; every attempt ended in a conflict.
    """
    tickets = TicketRepository(of_caller(granted.caller))

    def attempt() -> None:
        ticket = find_ticket(granted, tickets.get(ticket_id), expected_version)
        now = clock.now()
        deleted = next_version(ticket, now, {"deletedAt": clock.timestamp(now)})
        changes = {"deletedAt": Change(after=deleted.deleted_at)}
        event = TicketEvent.of(EventType.TICKET_DELETED, deleted, granted.caller, changes)
        tickets.delete(ticket, deleted, event, now=now)

    until_written(attempt)


def restore_ticket(granted: Grant, ticket_id: str, expected_version: int | None) -> Ticket:
    """Restore a ticket from the trash and return it. Idempotent: a ticket outside the trash is returned unchanged.

    Raises
    ------
    TicketNotFoundError, PreconditionFailedError, ConflictError
        It was deleted permanently; it has another version; every attempt ended in a conflict.
    """
    tickets = TicketRepository(of_caller(granted.caller))

    def attempt() -> Ticket:
        now = clock.now()
        ticket = find_ticket(granted, tickets.get_deleted(ticket_id, now=now), expected_version)
        if ticket.deleted_at is None:
            return ticket
        restored = next_version(ticket, now, {"deletedAt": None})
        changes = {"deletedAt": Change(before=ticket.deleted_at)}
        event = TicketEvent.of(EventType.TICKET_RESTORED, restored, granted.caller, changes)
        tickets.restore(ticket, restored, event)
        return restored

    return until_written(attempt)
