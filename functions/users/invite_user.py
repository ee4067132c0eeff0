"""inviteUser: POST /v1/users."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.users.invitations import invite_user
from ticketing.users.models import InviteUser
from ticketing.users.operations import presented


@endpoint(Operation.INVITE_USER)
def handler(request: Request) -> Response:
    """Invite a person: they get an email. People who never signed in get it again."""
    user, is_new = invite_user(request.caller, request.body(InviteUser))
    if not is_new:
        return Response(200, presented(user), etag=user.version)
    location = f"{request.path}/{user.id}"
    return Response(201, presented(user), etag=user.version, headers={"Location": location})
