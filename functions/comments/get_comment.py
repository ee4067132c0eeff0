"""getComment: GET /v1/tickets/{id}/comments/{commentId}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.comments.models import ExpandCommentQuery
from ticketing.comments.operations import comments_of, find_comment, presented_page
from ticketing.tickets.operations import find_ticket, tickets_of


@endpoint(Operation.GET_COMMENT, takes_query=True)
def handler(request: Request) -> Response:
    """Answer the comment."""
    caller = request.caller
    ticket_id, comment_id = request.ticket_id, request.comment_id
    expand = request.query(ExpandCommentQuery).expand
    ticket = find_ticket(request.grant, tickets_of(caller).get(ticket_id))
    comment = find_comment(caller, comments_of(caller).get(ticket.id, comment_id))
    (body,) = presented_page([comment], caller, expand)
    return Response(200, body)
