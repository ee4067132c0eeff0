"""createComment: POST /v1/tickets/{id}/comments."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.comments.models import CommentCreate
from ticketing.comments.operations import TicketComments, presented_page
from ticketing.tickets.errors import TicketNotFoundError


@endpoint(Operation.CREATE_COMMENT)
def handler(request: Request) -> Response:
    """Create a comment, or return the one that the same Idempotency-Key created before."""
    comments, key = TicketComments(request.grant, request.id_or(TicketNotFoundError)), request.idempotency_key()
    comment = comments.create(request.body(CommentCreate), key)
    (body,) = presented_page([comment], request.caller)
    return Response(201, body, headers={"Location": f"{request.path}/{comment.id}"})
