"""createApiKey: POST /v1/api-keys."""

from ticketing import ids
from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.dynamodb.transactions import until_written
from ticketing.users.api_keys import ApiKeyCreate, ApiKeyRepository, new_api_key, presented
from ticketing.users.audited import key_changed


@endpoint(Operation.CREATE_API_KEY)
def handler(request: Request) -> Response:
    """Create an API key. Only this response contains its token."""
    body = request.body(ApiKeyCreate)
    key, token = new_api_key(body, request.caller, ids.new_id())
    api_keys = ApiKeyRepository(of_caller(request.caller))
    record = key_changed(Operation.CREATE_API_KEY, request.caller, None, key)
    until_written(lambda: api_keys.create(key, alongside=[record]))
    return Response(201, presented(key) | {"key": token}, headers={"Location": f"{request.path}/{key.id}"})
