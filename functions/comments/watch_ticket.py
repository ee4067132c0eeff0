"""watchTicket: POST /v1/tickets/{id}/watchers/me."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.comments.watcher_operations import set_watching
from ticketing.tickets.errors import TicketNotFoundError


@endpoint(Operation.WATCH_TICKET)
def handler(request: Request) -> Response:
    """Make the caller watch the ticket."""
    set_watching(request.grant, request.id_or(TicketNotFoundError), watching=True)
    return Response(204)
