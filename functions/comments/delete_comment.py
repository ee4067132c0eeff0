"""deleteComment: DELETE /v1/tickets/{id}/comments/{commentId}."""

from ticketing.commenting import Commenting
from ticketing.frame import Response, endpoint
from ticketing.permissions import Operation
from ticketing.request import Request


@endpoint(Operation.DELETE_COMMENT)
def handler(request: Request) -> Response:
    """Remove the comment, its text for good."""
    Commenting(request.grant, request.ticket_id).remove(request.comment_id)
    return Response(204)
