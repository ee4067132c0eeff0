"""deleteWebhook: DELETE /v1/webhooks/{id}."""

from ticketing import clock
from ticketing.errors import WebhookNotFoundError
from ticketing.frame import Response, endpoint
from ticketing.notifications.webhooks import find_webhook, webhooks_of
from ticketing.permissions import Operation
from ticketing.request import Request
from ticketing.tables import until_written


@endpoint(Operation.DELETE_WEBHOOK)
def handler(request: Request) -> Response:
    """Erase the webhook with its secrets; what was still to be delivered to it is not."""
    webhook_id, expected = request.id_or(WebhookNotFoundError), request.expected_version()
    webhooks = webhooks_of(request.caller)
    until_written(lambda: webhooks.delete(find_webhook(webhooks.get(webhook_id), expected), clock.now()))
    return Response(204)
