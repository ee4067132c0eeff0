"""updateComment: PATCH /v1/tickets/{id}/comments/{commentId}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.comments.errors import CommentNotFoundError
from ticketing.comments.models import CommentUpdate
from ticketing.comments.operations import Commenting, presented_page
from ticketing.tickets.errors import TicketNotFoundError


@endpoint(Operation.UPDATE_COMMENT)
def handler(request: Request) -> Response:
    """Give the comment another text."""
    commenting, comment_id = (
        Commenting(request.grant, request.id_or(TicketNotFoundError)),
        request.id_or(CommentNotFoundError, "commentId"),
    )
    (body,) = presented_page([commenting.edit(comment_id, request.body(CommentUpdate).body)], request.caller)
    return Response(200, body)
