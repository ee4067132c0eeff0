"""watchTicket: POST /v1/tickets/{id}/watchers/me."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.comments.watchers import choose
from ticketing.tickets.errors import TicketNotFoundError


@endpoint(Operation.WATCH_TICKET)
def handler(request: Request) -> Response:
    """Let the caller watch the ticket."""
    choose(request.grant, request.id_or(TicketNotFoundError), watches=True)
    return Response(204)
