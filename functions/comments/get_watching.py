"""getWatching: GET /v1/tickets/{id}/watchers/me."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.comments.watchers import watchers_of, watching
from ticketing.tickets.operations import find_ticket, tickets_of


@endpoint(Operation.GET_WATCHING)
def handler(request: Request) -> Response:
    """Answer whether the caller watches the ticket."""
    caller = request.caller
    ticket = find_ticket(request.grant, tickets_of(caller).get(request.ticket_id))
    watchers = watching(ticket, watchers_of(caller).choice(ticket.id, caller.user_id))
    return Response(200, {"watching": caller.user_id in watchers})
