"""unwatchTicket: DELETE /v1/tickets/{id}/watchers/me."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.comments.watcher_operations import set_watching
from ticketing.tickets.errors import TicketNotFoundError


@endpoint(Operation.UNWATCH_TICKET)
def handler(request: Request) -> Response:
    """Stop the caller from watching the ticket, even as its reporter or assignee."""
    set_watching(request.grant, request.id_or(TicketNotFoundError), watching=False)
    return Response(204)
