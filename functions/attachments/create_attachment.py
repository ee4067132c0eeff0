"""createAttachment: POST /v1/tickets/{id}/attachments."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.attachments.models import AttachmentCreate
from ticketing.attachments.operations import TicketAttachments, announced
from ticketing.tickets.errors import TicketNotFoundError


@endpoint(Operation.CREATE_ATTACHMENT)
def handler(request: Request) -> Response:
    """Announce a file and return where to upload it, or the one that the same Idempotency-Key announced before."""
    attachments, key = TicketAttachments(request.grant, request.id_or(TicketNotFoundError)), request.idempotency_key()
    attachment = attachments.announce(request.body(AttachmentCreate), key)
    location = {"Location": f"{request.path}/{attachment.id}"}
    return Response(201, announced(attachment, request.caller), headers=location)
