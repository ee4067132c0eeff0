"""deleteTicket: DELETE /v1/tickets/{id}."""

from ticketing import clock
from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.dynamodb.transactions import until_written
from ticketing.tickets.events import Change, EventType, TicketEvent
from ticketing.tickets.models import Ticket
from ticketing.tickets.operations import find_ticket, next_version, tickets_of


@endpoint(Operation.DELETE_TICKET)
def handler(request: Request) -> Response:
    """Move the ticket to the trash, from where it can be restored for 30 days."""
    caller = request.caller
    ticket_id, expected = request.ticket_id, request.expected_version()
    tickets = tickets_of(caller)

    def attempt() -> Ticket:
        ticket = find_ticket(request.grant, tickets.get(ticket_id), expected)
        now = clock.now()
        deleted = next_version(ticket, now, {"deletedAt": clock.timestamp(now)})
        changes = {"deletedAt": Change(after=deleted.deleted_at)}
        event = TicketEvent.of(EventType.TICKET_DELETED, deleted, caller, changes)
        tickets.delete(ticket, deleted, event, now=now)
        return deleted

    until_written(attempt)
    return Response(204)
