"""getTenantDeletion: GET /v1/tenant-deletions/{id}."""

import os

from ticketing import aws
from ticketing.errors import DeletionNotFoundError
from ticketing.frame import Response, endpoint
from ticketing.identity import TENANT_ID
from ticketing.permissions import Operation, Relation
from ticketing.request import Request
from ticketing.users.erasure import presented
from ticketing.users.tenant_repository import TenantRepository


@endpoint(Operation.GET_TENANT_DELETION)
def handler(request: Request) -> Response:
    """Answer the receipt to whoever asked for the deletion: as an admin of the tenant, and later as nobody's."""
    tenant_id = str((request.event.get("pathParameters") or {}).get("id", ""))
    if not TENANT_ID.fullmatch(tenant_id):
        raise DeletionNotFoundError
    # The tenant is the path's, not the caller's: what decides is who asked.
    tables = os.environ["USERS_TABLE"], os.environ["TICKETS_TABLE"]
    receipt = TenantRepository(aws.dynamodb(), *tables, tenant_id).deletion()
    is_own = receipt is not None and receipt.requested_by_id == request.caller.user_id
    if not request.grant.covers({Relation.OWN} if is_own else set()) or receipt is None:
        raise DeletionNotFoundError
    return Response(200, presented(receipt))
