"""createWebhook: POST /v1/webhooks."""

from ticketing.frame import Response, endpoint
from ticketing.notifications.webhook_models import WebhookCreate
from ticketing.notifications.webhooks import create_webhook, presented
from ticketing.permissions import Operation
from ticketing.request import Request
from ticketing.users.service import check_still_admin


@endpoint(Operation.CREATE_WEBHOOK)
def handler(request: Request) -> Response:
    """Make a webhook; its secret is in this answer and in none later."""
    body = request.body(WebhookCreate)
    check_still_admin(request.caller)
    webhook, secret = create_webhook(request.caller, body)
    location = {"Location": f"{request.path}/{webhook.id}"}
    return Response(201, presented(webhook) | {"secret": secret}, etag=webhook.version, headers=location)
