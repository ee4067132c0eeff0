"""getUser: GET /v1/users/{id}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.users.errors import UserNotFoundError
from ticketing.users.operations import find_user, presented
from ticketing.users.repository import UserRepository


@endpoint(Operation.GET_USER)
def handler(request: Request) -> Response:
    """Return a person or API key of the tenant, or 304 if the caller has this version already."""
    user = find_user(request.grant, UserRepository(of_caller(request.caller)).get(request.id_or(UserNotFoundError)))
    if request.has_current(user.version):
        return Response(304, etag=user.version)
    return Response(200, presented(user), etag=user.version)
