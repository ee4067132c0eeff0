"""updateWebhook: PATCH /v1/webhooks/{id}."""

from ticketing.errors import WebhookNotFoundError
from ticketing.frame import Response, endpoint
from ticketing.notifications.webhook_models import WebhookUpdate
from ticketing.notifications.webhooks import edit_webhook, presented
from ticketing.permissions import Operation
from ticketing.request import Request
from ticketing.users.service import check_still_admin


@endpoint(Operation.UPDATE_WEBHOOK)
def handler(request: Request) -> Response:
    """Set where the webhook leads, what it is told, and whether it is on."""
    webhook_id, expected = request.id_or(WebhookNotFoundError), request.expected_version()
    body = request.body(WebhookUpdate)
    check_still_admin(request.caller)
    webhook = edit_webhook(request.caller, webhook_id, body, expected)
    return Response(200, presented(webhook), etag=webhook.version)
