"""updateMe: PATCH /v1/users/me."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.users.models import MeUpdate
from ticketing.users.operations import edit_me, presented_to_self


@endpoint(Operation.UPDATE_ME)
def handler(request: Request) -> Response:
    """Set the fields given of the caller's own profile."""
    user = edit_me(request.grant, request.body(MeUpdate), request.expected_version())
    return Response(200, presented_to_self(user), etag=user.version)
