"""updateTenant: PATCH /v1/tenant."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.users.tenant_models import TenantUpdate
from ticketing.users.tenant_operations import presented, update_tenant


@endpoint(Operation.UPDATE_TENANT)
def handler(request: Request) -> Response:
    """Update the tenant's name and settings."""
    tenant = update_tenant(request.caller, request.body(TenantUpdate), request.expected_version())
    return Response(200, presented(tenant), etag=tenant.version)
