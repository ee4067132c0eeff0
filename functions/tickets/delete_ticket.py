"""deleteTicket: DELETE /v1/tickets/{id}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.tickets.errors import TicketNotFoundError
from ticketing.tickets.trash import delete_ticket


@endpoint(Operation.DELETE_TICKET)
def handler(request: Request) -> Response:
    """Move the ticket to the trash, from where it can be restored for 30 days."""
    delete_ticket(request.grant, request.id_or(TicketNotFoundError), request.expected_version())
    return Response(204)
