"""getTicket: GET /v1/tickets/{id}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.tickets.errors import TicketNotFoundError
from ticketing.tickets.models import ExpandQuery
from ticketing.tickets.operations import find_ticket, presented_page
from ticketing.tickets.repository import TicketRepository


@endpoint(Operation.GET_TICKET, takes_query=True)
def handler(request: Request) -> Response:
    """Return the ticket, or 304 if the caller has this version already.

    With `expand` there is no 304, because a person's name can change without the ticket's version.
    """
    caller = request.caller
    expand = request.query(ExpandQuery).expand
    ticket = find_ticket(request.grant, TicketRepository(of_caller(caller)).get(request.id_or(TicketNotFoundError)))
    if not expand and request.has_current(ticket.version):
        return Response(304, etag=ticket.version)
    (body,) = presented_page([ticket], caller, expand)
    return Response(200, body, etag=ticket.version)
