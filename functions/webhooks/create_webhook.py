"""createWebhook: POST /v1/webhooks."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.webhooks.models import WebhookCreate
from ticketing.webhooks.operations import create_webhook, presented


@endpoint(Operation.CREATE_WEBHOOK)
def handler(request: Request) -> Response:
    """Create a webhook; its secret is in this answer and in no later one."""
    body = request.body(WebhookCreate)
    webhook, secret = create_webhook(request.caller, body)
    location = {"Location": f"{request.path}/{webhook.id}"}
    return Response(201, presented(webhook) | {"secret": secret}, etag=webhook.version, headers=location)
