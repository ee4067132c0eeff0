"""listAttachments: GET /v1/tickets/{id}/attachments."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.attachments.models import AttachmentQuery
from ticketing.attachments.operations import TicketAttachments, presented
from ticketing.tickets.errors import TicketNotFoundError


@endpoint(Operation.LIST_ATTACHMENTS, takes_query=True)
def handler(request: Request) -> Response:
    """Return one page of the files on the ticket, in the order of their announcements."""
    query = request.query(AttachmentQuery)
    attachments = TicketAttachments(request.grant, request.id_or(TicketNotFoundError))
    page = attachments.page(limit=query.limit, cursor=query.cursor)
    return Response(200, [presented(each) for each in page.items], headers=request.next_link(page.cursor))
