"""getWebhook: GET /v1/webhooks/{id}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.webhooks.errors import WebhookNotFoundError
from ticketing.webhooks.operations import find_webhook, presented
from ticketing.webhooks.repository import WebhookRepository


@endpoint(Operation.GET_WEBHOOK)
def handler(request: Request) -> Response:
    """Answer the webhook, without its secret."""
    webhook = find_webhook(WebhookRepository(of_caller(request.caller)).get(request.id_or(WebhookNotFoundError)))
    if request.has_current(webhook.version):
        return Response(304, etag=webhook.version)
    return Response(200, presented(webhook), etag=webhook.version)
