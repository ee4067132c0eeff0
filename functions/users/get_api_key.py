"""getApiKey: GET /v1/api-keys/{id}."""

from ticketing.errors import ApiKeyNotFoundError
from ticketing.frame import Response, endpoint
from ticketing.permissions import Operation
from ticketing.request import Request
from ticketing.users.api_keys import api_keys_of, presented


@endpoint(Operation.GET_API_KEY)
def handler(request: Request) -> Response:
    """Answer the API key, without its token."""
    key = api_keys_of(request.caller).get(request.id_or(ApiKeyNotFoundError))
    if key is None:
        raise ApiKeyNotFoundError
    return Response(200, presented(key))
