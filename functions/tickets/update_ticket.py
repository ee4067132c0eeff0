"""updateTicket: PATCH /v1/tickets/{id}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.tickets.errors import TicketNotFoundError
from ticketing.tickets.models import TicketUpdate
from ticketing.tickets.operations import edit_ticket, presented


@endpoint(Operation.UPDATE_TICKET)
def handler(request: Request) -> Response:
    """Update fields of the ticket. A new status goes to the state machine, with the other fields."""
    body = request.body(TicketUpdate).model_dump(mode="json", by_alias=True, exclude_unset=True)
    ticket = edit_ticket(request.grant, request.id_or(TicketNotFoundError), body, request.expected_version())
    return Response(200, presented(ticket, request.caller), etag=ticket.version)
