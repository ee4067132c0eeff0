"""getTenantDeletion: GET /v1/tenant-deletions/{id}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.users.deletion import find_deletion, presented


@endpoint(Operation.GET_TENANT_DELETION)
def handler(request: Request) -> Response:
    """Return the receipt to the person who requested the deletion."""
    return Response(200, presented(find_deletion(request.grant, request.path_id)))
