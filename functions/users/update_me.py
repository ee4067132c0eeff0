"""updateMe: PATCH /v1/users/me."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.users.models import MeUpdate
from ticketing.users.operations import presented_to_self, update_me


@endpoint(Operation.UPDATE_ME)
def handler(request: Request) -> Response:
    """Update the caller's own profile."""
    user = update_me(request.grant, request.body(MeUpdate), request.expected_version())
    return Response(200, presented_to_self(user), etag=user.version)
