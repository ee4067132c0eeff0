"""getAttachment: GET /v1/tickets/{id}/attachments/{attachmentId}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.attachments.errors import AttachmentNotFoundError
from ticketing.attachments.operations import TicketAttachments, presented
from ticketing.tickets.errors import TicketNotFoundError


@endpoint(Operation.GET_ATTACHMENT)
def handler(request: Request) -> Response:
    """Return what is known of the file."""
    ticket_id = request.id_or(TicketNotFoundError)
    attachment_id = request.id_or(AttachmentNotFoundError, "attachmentId")
    return Response(200, presented(TicketAttachments(request.grant, ticket_id).get(attachment_id)))
