"""listWebhooks: GET /v1/webhooks."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.webhooks.operations import presented
from ticketing.webhooks.repository import WebhookRepository


@endpoint(Operation.LIST_WEBHOOKS)
def handler(request: Request) -> Response:
    """Answer the tenant's webhooks, the oldest first. There are so few that they need no pages."""
    return Response(200, [presented(webhook) for webhook in WebhookRepository(of_caller(request.caller)).all()])
