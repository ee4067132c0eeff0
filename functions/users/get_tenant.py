"""getTenant: GET /v1/tenant."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.users.tenant_operations import find_tenant, presented
from ticketing.users.tenant_repository import TenantRepository


@endpoint(Operation.GET_TENANT)
def handler(request: Request) -> Response:
    """Return the caller's tenant, or 304 if the caller has this version already."""
    tenant = find_tenant(TenantRepository(of_caller(request.caller)).get())
    if request.has_current(tenant.version):
        return Response(304, etag=tenant.version)
    return Response(200, presented(tenant), etag=tenant.version)
