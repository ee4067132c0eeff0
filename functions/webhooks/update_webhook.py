"""updateWebhook: PATCH /v1/webhooks/{id}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.webhooks.errors import WebhookNotFoundError
from ticketing.webhooks.models import WebhookUpdate
from ticketing.webhooks.operations import edit_webhook, presented


@endpoint(Operation.UPDATE_WEBHOOK)
def handler(request: Request) -> Response:
    """Change the webhook's URL, event types or description, or switch it on or off."""
    webhook_id, expected = request.id_or(WebhookNotFoundError), request.expected_version()
    body = request.body(WebhookUpdate)
    webhook = edit_webhook(request.caller, webhook_id, body, expected)
    return Response(200, presented(webhook), etag=webhook.version)
