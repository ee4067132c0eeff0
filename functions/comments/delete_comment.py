"""deleteComment: DELETE /v1/tickets/{id}/comments/{commentId}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.comments.errors import CommentNotFoundError
from ticketing.comments.operations import TicketComments
from ticketing.tickets.errors import TicketNotFoundError


@endpoint(Operation.DELETE_COMMENT)
def handler(request: Request) -> Response:
    """Delete the comment and its text permanently."""
    TicketComments(request.grant, request.id_or(TicketNotFoundError)).delete(
        request.id_or(CommentNotFoundError, "commentId")
    )
    return Response(204)
