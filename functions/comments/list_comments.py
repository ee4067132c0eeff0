"""listComments: GET /v1/tickets/{id}/comments."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.comments.models import CommentQuery
from ticketing.comments.operations import comments_of, presented_page
from ticketing.tickets.operations import find_ticket, tickets_of
from ticketing.tickets.rules import sees_internal


@endpoint(Operation.LIST_COMMENTS, takes_query=True)
def handler(request: Request) -> Response:
    """Answer one page of the comments on the ticket, oldest first."""
    caller = request.caller
    query = request.query(CommentQuery)
    ticket = find_ticket(request.grant, tickets_of(caller).get(request.ticket_id))
    page = comments_of(caller).list(ticket.id, internal=sees_internal(caller), limit=query.limit, cursor=query.cursor)
    return Response(200, presented_page(page.items, caller, query.expand), headers=request.next_link(page.cursor))
