"""listViews: GET /v1/views."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.views.operations import Views, presented


@endpoint(Operation.LIST_VIEWS)
def handler(request: Request) -> Response:
    """Answer the caller's own views and those that are shared with them, 150 at most."""
    return Response(200, [presented(view) for view in Views(request.grant).all()])
