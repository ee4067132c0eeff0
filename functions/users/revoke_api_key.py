"""revokeApiKey: DELETE /v1/api-keys/{id}."""

from ticketing import clock
from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.dynamodb.transactions import until_written
from ticketing.users.api_keys import ApiKeyRepository
from ticketing.users.audited import key_changed
from ticketing.users.errors import ApiKeyNotFoundError


@endpoint(Operation.REVOKE_API_KEY)
def handler(request: Request) -> Response:
    """Revoke the API key. Idempotent."""
    api_keys = ApiKeyRepository(of_caller(request.caller))
    key = api_keys.get(request.id_or(ApiKeyNotFoundError))
    if key is None:
        raise ApiKeyNotFoundError
    if key.active:
        now = clock.timestamp(clock.now())
        record = key_changed(Operation.REVOKE_API_KEY, request.caller, key, key.model_copy(update={"active": False}))
        until_written(lambda: api_keys.revoke(key.id, now=now, alongside=[record]))
    return Response(204)
