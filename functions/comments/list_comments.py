"""listComments: GET /v1/tickets/{id}/comments."""

from ticketing.commenting import comments_of, presented_page
from ticketing.comments import CommentQuery
from ticketing.frame import Response, endpoint
from ticketing.permissions import Operation, sees_internal
from ticketing.request import Request
from ticketing.tickets import find_ticket, tickets_of


@endpoint(Operation.LIST_COMMENTS, takes_query=True)
def handler(request: Request) -> Response:
    """Answer one page of the comments on the ticket, oldest first."""
    caller = request.caller
    query = request.query(CommentQuery)
    ticket = find_ticket(request.grant, tickets_of(caller).get(request.ticket_id))
    page = comments_of(caller).list(ticket.id, internal=sees_internal(caller), limit=query.limit, cursor=query.cursor)
    return Response(200, presented_page(page.items, caller, query.expand), headers=request.next_link(page.cursor))
