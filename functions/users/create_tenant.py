"""createTenant: POST /v1/tenant."""

from ticketing.access.permissions import Operation, Relation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.errors import ForbiddenError
from ticketing.users.tenant_creation import create_tenant
from ticketing.users.tenant_models import TenantCreate
from ticketing.users.tenant_operations import presented


@endpoint(Operation.CREATE_TENANT)
def handler(request: Request) -> Response:
    """Create a tenant for a newcomer. Their next tokens are those of its admin."""
    if not request.grant.covers({Relation.OWN}):
        message = "Only people without a tenant can create one."
        raise ForbiddenError(message)
    tenant = create_tenant(request.caller, request.body(TenantCreate))
    return Response(201, presented(tenant), etag=tenant.version, headers={"Location": request.path})
