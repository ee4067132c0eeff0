"""getAttachmentContent: GET /v1/tickets/{id}/attachments/{attachmentId}/content."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.attachments.errors import AttachmentNotFoundError
from ticketing.attachments.operations import TicketAttachments
from ticketing.tickets.errors import TicketNotFoundError


@endpoint(Operation.GET_ATTACHMENT_CONTENT)
def handler(request: Request) -> Response:
    """Redirect to the address of the file's content, or return it to who asks for JSON.

    After a redirect to another origin, a page's fetch says that it comes from nowhere, which no bucket allows.
    """
    ticket_id = request.id_or(TicketNotFoundError)
    attachment_id = request.id_or(AttachmentNotFoundError, "attachmentId")
    address = TicketAttachments(request.grant, ticket_id).content(attachment_id)
    if request.accepts("application/json"):
        return Response(200, {"url": address.url, "expiresAt": address.expires_at})
    return Response(302, headers={"Location": address.url})
