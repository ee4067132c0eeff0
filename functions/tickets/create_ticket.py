"""createTicket: POST /v1/tickets."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.tickets.creating import create_ticket
from ticketing.tickets.models import TicketCreate
from ticketing.tickets.operations import presented


@endpoint(Operation.CREATE_TICKET)
def handler(request: Request) -> Response:
    """Create a ticket, or return the one that the same Idempotency-Key created before."""
    key = request.idempotency_key()
    ticket = create_ticket(request.grant, request.body(TicketCreate), key)
    location = {"Location": f"{request.path}/{ticket.id}"}
    return Response(201, presented(ticket, request.caller), etag=ticket.version, headers=location)
