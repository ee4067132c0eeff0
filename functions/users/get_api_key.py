"""getApiKey: GET /v1/api-keys/{id}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.users.api_keys import api_keys_of, presented
from ticketing.users.errors import ApiKeyNotFoundError


@endpoint(Operation.GET_API_KEY)
def handler(request: Request) -> Response:
    """Answer the API key, without its token."""
    key = api_keys_of(request.caller).get(request.id_or(ApiKeyNotFoundError))
    if key is None:
        raise ApiKeyNotFoundError
    return Response(200, presented(key))
