"""getTicket: GET /v1/tickets/{id}."""

from ticketing.frame import Response, endpoint
from ticketing.permissions import Operation
from ticketing.request import Request
from ticketing.tickets import find_ticket, presented, tickets_of


@endpoint(Operation.GET_TICKET)
def handler(request: Request) -> Response:
    """Answer the ticket, or 304 if the caller has this version already."""
    caller = request.caller
    ticket = find_ticket(Operation.GET_TICKET, caller, tickets_of(caller).get(request.ticket_id))
    if request.has_current(ticket.version):
        return Response(304, etag=ticket.version)
    return Response(200, presented(ticket, caller), etag=ticket.version)
