"""listComments: GET /v1/tickets/{id}/comments."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.comments.models import CommentQuery
from ticketing.comments.operations import presented_page
from ticketing.comments.repository import CommentRepository
from ticketing.tickets.errors import TicketNotFoundError
from ticketing.tickets.operations import find_ticket
from ticketing.tickets.repository import TicketRepository
from ticketing.tickets.rules import sees_internal


@endpoint(Operation.LIST_COMMENTS, takes_query=True)
def handler(request: Request) -> Response:
    """Return one page of the comments on the ticket, oldest first."""
    caller = request.caller
    query = request.query(CommentQuery)
    ticket = find_ticket(request.grant, TicketRepository(of_caller(caller)).get(request.id_or(TicketNotFoundError)))
    page = CommentRepository(of_caller(caller)).list(
        ticket.id, internal=sees_internal(caller), limit=query.limit, cursor=query.cursor
    )
    return Response(200, presented_page(page.items, caller, query.expand), headers=request.next_link(page.cursor))
