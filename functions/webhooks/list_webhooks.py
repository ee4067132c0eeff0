"""listWebhooks: GET /v1/webhooks."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.webhooks.operations import presented
from ticketing.webhooks.repository import WebhookRepository


@endpoint(Operation.LIST_WEBHOOKS)
def handler(request: Request) -> Response:
    """Answer all webhooks of the tenant (20 at most), the oldest first."""
    return Response(200, [presented(webhook) for webhook in WebhookRepository(of_caller(request.caller)).all()])
