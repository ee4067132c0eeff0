"""listApiKeys: GET /v1/api-keys."""

from ticketing.access.permissions import Operation
from ticketing.api.bodies import PageQuery
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.users.api_keys import ApiKeyRepository, presented


@endpoint(Operation.LIST_API_KEYS, takes_query=True)
def handler(request: Request) -> Response:
    """Return one page of the tenant's API keys, by name."""
    query = request.query(PageQuery)
    page = ApiKeyRepository(of_caller(request.caller)).list(limit=query.limit, cursor=query.cursor)
    return Response(200, [presented(key) for key in page.items], headers=request.next_link(page.cursor))
