"""getWatching: GET /v1/tickets/{id}/watchers/me."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.comments.watchers import Watchers, watching
from ticketing.tickets.errors import TicketNotFoundError
from ticketing.tickets.operations import find_ticket
from ticketing.tickets.repository import TicketRepository


@endpoint(Operation.GET_WATCHING)
def handler(request: Request) -> Response:
    """Answer whether the caller watches the ticket."""
    caller = request.caller
    ticket = find_ticket(request.grant, TicketRepository(of_caller(caller)).get(request.id_or(TicketNotFoundError)))
    watchers = watching(ticket, Watchers(of_caller(caller)).choice(ticket.id, caller.user_id))
    return Response(200, {"watching": caller.user_id in watchers})
