"""deleteComment: DELETE /v1/tickets/{id}/comments/{commentId}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.comments.operations import Commenting


@endpoint(Operation.DELETE_COMMENT)
def handler(request: Request) -> Response:
    """Remove the comment, its text for good."""
    Commenting(request.grant, request.ticket_id).remove(request.comment_id)
    return Response(204)
