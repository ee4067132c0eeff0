"""listWebhooks: GET /v1/webhooks."""

from ticketing.frame import Response, endpoint
from ticketing.notifications.webhooks import presented, webhooks_of
from ticketing.permissions import Operation
from ticketing.request import Request


@endpoint(Operation.LIST_WEBHOOKS)
def handler(request: Request) -> Response:
    """Answer the tenant's webhooks, the oldest first. There are so few that they need no pages."""
    return Response(200, [presented(webhook) for webhook in webhooks_of(request.caller).all()])
