"""createView: POST /v1/views."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.views.models import ViewCreate
from ticketing.views.operations import Views, presented


@endpoint(Operation.CREATE_VIEW)
def handler(request: Request) -> Response:
    """Create a view, or return the one that the same Idempotency-Key created before."""
    key = request.idempotency_key()
    view = Views(request.grant).create(request.body(ViewCreate), key)
    location = {"Location": f"{request.path}/{view.id}"}
    return Response(201, presented(view), etag=view.version, headers=location)
