"""restoreTicket: POST /v1/tickets/{id}/restore."""

from ticketing import clock
from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.dynamodb.transactions import until_written
from ticketing.tickets.events import Change, EventType, TicketEvent
from ticketing.tickets.models import Ticket
from ticketing.tickets.operations import (
    find_ticket,
    next_version,
    presented,
    tickets_of,
)


@endpoint(Operation.RESTORE_TICKET)
def handler(request: Request) -> Response:
    """Take the ticket out of the trash; one that is not there is answered as it is, so that a repeat does no harm."""
    caller = request.caller
    ticket_id, expected = request.ticket_id, request.expected_version()
    tickets = tickets_of(caller)

    def attempt() -> Ticket:
        now = clock.now()
        ticket = tickets.get_deleted(ticket_id, now=now)
        ticket = find_ticket(request.grant, ticket, expected)
        if ticket.deleted_at is None:
            return ticket
        restored = next_version(ticket, now, {"deletedAt": None})
        changes = {"deletedAt": Change(before=ticket.deleted_at)}
        event = TicketEvent.of(EventType.TICKET_RESTORED, restored, caller, changes)
        tickets.restore(ticket, restored, event)
        return restored

    ticket = until_written(attempt)
    return Response(200, presented(ticket, caller), etag=ticket.version)
