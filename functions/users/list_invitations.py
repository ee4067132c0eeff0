"""listInvitations: GET /v1/users/me/invitations."""

from ticketing.access.permissions import Operation, Relation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.errors import ForbiddenError
from ticketing.users.acceptance import list_invitations


@endpoint(Operation.LIST_INVITATIONS)
def handler(request: Request) -> Response:
    """List the invitations that the caller can accept."""
    if not request.grant.covers({Relation.OWN}):
        message = "Only people without a tenant have invitations."
        raise ForbiddenError(message)
    return Response(200, list_invitations(request.caller.user_id))
