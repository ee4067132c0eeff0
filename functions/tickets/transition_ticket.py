"""transitionTicket: POST /v1/tickets/{id}/transitions."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.tickets.errors import TicketNotFoundError
from ticketing.tickets.models import TransitionRequest
from ticketing.tickets.operations import move_ticket, presented


@endpoint(Operation.TRANSITION_TICKET)
def handler(request: Request) -> Response:
    """Move the ticket. The state machine decides whether it is allowed, and writes."""
    ticket_id = request.id_or(TicketNotFoundError)
    body = request.body(TransitionRequest)
    ticket = move_ticket(
        request.grant,
        ticket_id,
        body.to,
        resolution=body.resolution,
        comment=body.comment,
        expected_version=request.expected_version(),
    )
    return Response(200, presented(ticket, request.caller), etag=ticket.version)
