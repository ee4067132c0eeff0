"""deactivateUser: DELETE /v1/users/{id}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.users.changes import change_user
from ticketing.users.errors import UserNotFoundError


@endpoint(Operation.DEACTIVATE_USER)
def handler(request: Request) -> Response:
    """Deactivate a user. The row stays, for the tickets that name the user."""
    change_user(request.grant, request.id_or(UserNotFoundError), {"active": False})
    return Response(204)
