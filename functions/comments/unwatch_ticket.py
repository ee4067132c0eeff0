"""unwatchTicket: DELETE /v1/tickets/{id}/watchers/me."""

from ticketing.frame import Response, endpoint
from ticketing.permissions import Operation
from ticketing.request import Request
from ticketing.watching import choose


@endpoint(Operation.UNWATCH_TICKET)
def handler(request: Request) -> Response:
    """Let the caller no longer watch the ticket, not even as its reporter or assignee."""
    choose(request.grant, request.ticket_id, watches=False)
    return Response(204)
