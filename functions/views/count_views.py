"""countViews: GET /v1/views/counts."""

from functools import partial

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.search.engines import index_of_caller
from ticketing.search.index_queue import rebuild
from ticketing.views.counting import count_views
from ticketing.views.models import CountQuery


@endpoint(Operation.COUNT_VIEWS, takes_query=True)
def handler(request: Request) -> Response:
    """Answer how many tickets each of the views finds for the caller."""
    caller, ids = request.caller, request.query(CountQuery).ids
    return Response(200, count_views(request.grant, ids, index_of_caller(caller), partial(rebuild, caller.tenant_id)))
