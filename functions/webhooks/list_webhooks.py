"""listWebhooks: GET /v1/webhooks."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.webhooks.operations import presented, webhooks_of


@endpoint(Operation.LIST_WEBHOOKS)
def handler(request: Request) -> Response:
    """Answer the tenant's webhooks, the oldest first. There are so few that they need no pages."""
    return Response(200, [presented(webhook) for webhook in webhooks_of(request.caller).all()])
