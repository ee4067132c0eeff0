"""updateView: PATCH /v1/views/{id}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.views.errors import ViewNotFoundError
from ticketing.views.models import ViewUpdate
from ticketing.views.operations import Views, presented


@endpoint(Operation.UPDATE_VIEW)
def handler(request: Request) -> Response:
    """Change the view's name, query, sort or position, or whether it is shared."""
    view_id, expected = request.id_or(ViewNotFoundError), request.expected_version()
    view = Views(request.grant).edit(view_id, request.body(ViewUpdate), expected)
    return Response(200, presented(view), etag=view.version)
