"""acceptInvitation: POST /v1/users/me/invitations/{id}/accept."""

from ticketing.access.permissions import Operation, Relation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.errors import ForbiddenError
from ticketing.users.acceptance import accept_invitation
from ticketing.users.operations import presented_to_self


@endpoint(Operation.ACCEPT_INVITATION)
def handler(request: Request) -> Response:
    """Make the caller a user of the tenant that invites them. Their next tokens are those of that user."""
    if not request.grant.covers({Relation.OWN}):
        message = "Only people without a tenant can accept an invitation."
        raise ForbiddenError(message)
    user = accept_invitation(request.caller, request.path_id)
    return Response(200, presented_to_self(user), etag=user.version)
