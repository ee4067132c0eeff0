"""getApiKey: GET /v1/api-keys/{id}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.users.api_keys import ApiKeyRepository, presented
from ticketing.users.errors import ApiKeyNotFoundError


@endpoint(Operation.GET_API_KEY)
def handler(request: Request) -> Response:
    """Return the API key, without its token."""
    key = ApiKeyRepository(of_caller(request.caller)).get(request.id_or(ApiKeyNotFoundError))
    if key is None:
        raise ApiKeyNotFoundError
    return Response(200, presented(key))
