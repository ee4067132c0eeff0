"""unwatchTicket: DELETE /v1/tickets/{id}/watchers/me."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.comments.watchers import choose
from ticketing.tickets.errors import TicketNotFoundError


@endpoint(Operation.UNWATCH_TICKET)
def handler(request: Request) -> Response:
    """Let the caller no longer watch the ticket, not even as its reporter or assignee."""
    choose(request.grant, request.id_or(TicketNotFoundError), watches=False)
    return Response(204)
