"""createComment: POST /v1/tickets/{id}/comments."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.comments.models import CommentCreate
from ticketing.comments.operations import Commenting, presented_page
from ticketing.tickets.errors import TicketNotFoundError


@endpoint(Operation.CREATE_COMMENT)
def handler(request: Request) -> Response:
    """Write a comment, or return the one that the same Idempotency-Key made before."""
    commenting, key = Commenting(request.grant, request.id_or(TicketNotFoundError)), request.idempotency_key()
    comment = commenting.add(request.body(CommentCreate), key)
    (body,) = presented_page([comment], request.caller)
    return Response(201, body, headers={"Location": f"{request.path}/{comment.id}"})
