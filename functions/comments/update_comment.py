"""updateComment: PATCH /v1/tickets/{id}/comments/{commentId}."""

from ticketing.commenting import Commenting, presented_page
from ticketing.comments import CommentUpdate
from ticketing.frame import Response, endpoint
from ticketing.permissions import Operation
from ticketing.request import Request


@endpoint(Operation.UPDATE_COMMENT)
def handler(request: Request) -> Response:
    """Give the comment another text."""
    commenting, comment_id = Commenting(request.grant, request.ticket_id), request.comment_id
    (body,) = presented_page([commenting.edit(comment_id, request.body(CommentUpdate).body)], request.caller)
    return Response(200, body)
