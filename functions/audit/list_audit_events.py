"""listAuditEvents: GET /v1/audit-events."""

from ticketing.access.permissions import Operation
from ticketing.api.bodies import PageQuery
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.audit.operations import presented
from ticketing.audit.repository import AuditRepository
from ticketing.aws.data import of_caller


@endpoint(Operation.LIST_AUDIT_EVENTS, takes_query=True)
def handler(request: Request) -> Response:
    """Return one page of what admins did in the tenant, the newest first."""
    query = request.query(PageQuery)
    page = AuditRepository(of_caller(request.caller)).list(limit=query.limit, cursor=query.cursor)
    return Response(200, [presented(event) for event in page.items], headers=request.next_link(page.cursor))
