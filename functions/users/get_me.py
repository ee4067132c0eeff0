"""getMe: GET /v1/users/me."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.users.operations import find_user, presented_to_self
from ticketing.users.repository import UserRepository


@endpoint(Operation.GET_ME)
def handler(request: Request) -> Response:
    """Return the caller's own user, or 304 if the caller has this version already."""
    caller = request.caller
    user = find_user(request.grant, UserRepository(of_caller(caller)).get(caller.user_id))
    if request.has_current(user.version):
        return Response(304, etag=user.version)
    return Response(200, presented_to_self(user), etag=user.version)
