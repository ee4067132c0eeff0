"""deactivateUser: DELETE /v1/users/{id}."""

from ticketing.errors import UserNotFoundError
from ticketing.frame import Response, endpoint
from ticketing.permissions import Operation
from ticketing.request import Request
from ticketing.users.changes import change_user


@endpoint(Operation.DEACTIVATE_USER)
def handler(request: Request) -> Response:
    """End somebody's access; their row stays, for the tickets that name them."""
    change_user(request.grant, request.id_or(UserNotFoundError), {"active": False})
    return Response(204)
