"""watchTicket: POST /v1/tickets/{id}/watchers/me."""

from ticketing.frame import Response, endpoint
from ticketing.permissions import Operation
from ticketing.request import Request
from ticketing.watching import choose


@endpoint(Operation.WATCH_TICKET)
def handler(request: Request) -> Response:
    """Let the caller watch the ticket."""
    choose(request.grant, request.ticket_id, watches=True)
    return Response(204)
