"""deleteTenant: DELETE /v1/tenant."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.users.deletion import delete_tenant, presented
from ticketing.users.tenant_models import DeleteTenantQuery


@endpoint(Operation.DELETE_TENANT, takes_query=True)
def handler(request: Request) -> Response:
    """Start deleting the tenant with all its data, and return the receipt."""
    receipt = delete_tenant(request.caller, request.query(DeleteTenantQuery).name)
    location = f"{request.path}-deletions/{receipt.tenant_id}"
    return Response(202, presented(receipt), headers={"Location": location})
