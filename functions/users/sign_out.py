"""signOut: POST /v1/users/me/sign-out."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.users.signing_out import sign_out


@endpoint(Operation.SIGN_OUT)
def handler(request: Request) -> Response:
    """Sign the caller out everywhere."""
    sign_out(request.grant)
    return Response(204)
