"""updateUser: PATCH /v1/users/{id}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.users.changes import change_user
from ticketing.users.errors import UserNotFoundError
from ticketing.users.models import UserUpdate
from ticketing.users.operations import presented


@endpoint(Operation.UPDATE_USER)
def handler(request: Request) -> Response:
    """Update a user's role and activity."""
    user_id, expected = request.id_or(UserNotFoundError), request.expected_version()
    values = request.body(UserUpdate).model_dump(exclude_unset=True)
    user = change_user(request.grant, user_id, values, expected)
    return Response(200, presented(user), etag=user.version)
