"""updateComment: PATCH /v1/tickets/{id}/comments/{commentId}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.comments.errors import CommentNotFoundError
from ticketing.comments.models import CommentUpdate
from ticketing.comments.operations import TicketComments, presented_page
from ticketing.tickets.errors import TicketNotFoundError


@endpoint(Operation.UPDATE_COMMENT)
def handler(request: Request) -> Response:
    """Replace the comment's text."""
    comments = TicketComments(request.grant, request.id_or(TicketNotFoundError))
    comment_id = request.id_or(CommentNotFoundError, "commentId")
    comment = comments.update(comment_id, request.body(CommentUpdate).body)
    (body,) = presented_page([comment], request.caller)
    return Response(200, body)
