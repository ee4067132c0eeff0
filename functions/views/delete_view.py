"""deleteView: DELETE /v1/views/{id}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.views.errors import ViewNotFoundError
from ticketing.views.operations import Views


@endpoint(Operation.DELETE_VIEW)
def handler(request: Request) -> Response:
    """Delete the view."""
    Views(request.grant).delete(request.id_or(ViewNotFoundError), request.expected_version())
    return Response(204)
