"""restoreTicket: POST /v1/tickets/{id}/restore."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.tickets.errors import TicketNotFoundError
from ticketing.tickets.operations import presented
from ticketing.tickets.trash import restore_ticket


@endpoint(Operation.RESTORE_TICKET)
def handler(request: Request) -> Response:
    """Restore the ticket from the trash. Idempotent: a ticket outside the trash is returned unchanged."""
    ticket = restore_ticket(request.grant, request.id_or(TicketNotFoundError), request.expected_version())
    return Response(200, presented(ticket, request.caller), etag=ticket.version)
