"""deleteAttachment: DELETE /v1/tickets/{id}/attachments/{attachmentId}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.attachments.errors import AttachmentNotFoundError
from ticketing.attachments.operations import TicketAttachments
from ticketing.tickets.errors import TicketNotFoundError


@endpoint(Operation.DELETE_ATTACHMENT)
def handler(request: Request) -> Response:
    """Delete the file and its content permanently."""
    ticket_id = request.id_or(TicketNotFoundError)
    TicketAttachments(request.grant, ticket_id).remove(request.id_or(AttachmentNotFoundError, "attachmentId"))
    return Response(204)
