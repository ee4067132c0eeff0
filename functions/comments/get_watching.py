"""getWatching: GET /v1/tickets/{id}/watchers/me."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.comments.rules import watchers_of
from ticketing.comments.watcher_repository import WatcherRepository
from ticketing.tickets.errors import TicketNotFoundError
from ticketing.tickets.operations import find_ticket
from ticketing.tickets.repository import TicketRepository


@endpoint(Operation.GET_WATCHING)
def handler(request: Request) -> Response:
    """Return whether the caller watches the ticket."""
    caller = request.caller
    ticket = find_ticket(request.grant, TicketRepository(of_caller(caller)).get(request.id_or(TicketNotFoundError)))
    watchers = watchers_of(ticket, WatcherRepository(of_caller(caller)).get_setting(ticket.id, caller.user_id))
    return Response(200, {"watching": caller.user_id in watchers})
