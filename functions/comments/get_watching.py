"""getWatching: GET /v1/tickets/{id}/watchers/me."""

from ticketing.frame import Response, endpoint
from ticketing.permissions import Operation
from ticketing.request import Request
from ticketing.tickets import find_ticket, tickets_of
from ticketing.watchers import watching
from ticketing.watching import watchers_of


@endpoint(Operation.GET_WATCHING)
def handler(request: Request) -> Response:
    """Answer whether the caller watches the ticket."""
    caller = request.caller
    ticket = find_ticket(request.grant, tickets_of(caller).get(request.ticket_id))
    watchers = watching(ticket, watchers_of(caller).choice(ticket.id, caller.user_id))
    return Response(200, {"watching": caller.user_id in watchers})
