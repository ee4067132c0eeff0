"""getView: GET /v1/views/{id}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.views.errors import ViewNotFoundError
from ticketing.views.operations import Views, presented


@endpoint(Operation.GET_VIEW)
def handler(request: Request) -> Response:
    """Answer the view."""
    view = Views(request.grant).find(request.id_or(ViewNotFoundError))
    if request.has_current(view.version):
        return Response(304, etag=view.version)
    return Response(200, presented(view), etag=view.version)
