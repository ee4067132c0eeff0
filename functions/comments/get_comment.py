"""getComment: GET /v1/tickets/{id}/comments/{commentId}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.comments.errors import CommentNotFoundError
from ticketing.comments.models import ExpandCommentQuery
from ticketing.comments.operations import find_comment, presented_page
from ticketing.comments.repository import CommentRepository
from ticketing.tickets.errors import TicketNotFoundError
from ticketing.tickets.operations import find_ticket
from ticketing.tickets.repository import TicketRepository


@endpoint(Operation.GET_COMMENT, takes_query=True)
def handler(request: Request) -> Response:
    """Return the comment."""
    caller = request.caller
    ticket_id, comment_id = request.id_or(TicketNotFoundError), request.id_or(CommentNotFoundError, "commentId")
    expand = request.query(ExpandCommentQuery).expand
    ticket = find_ticket(request.grant, TicketRepository(of_caller(caller)).get(ticket_id))
    comment = find_comment(caller, CommentRepository(of_caller(caller)).get(ticket.id, comment_id))
    (body,) = presented_page([comment], caller, expand)
    return Response(200, body)
