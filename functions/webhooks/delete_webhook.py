"""deleteWebhook: DELETE /v1/webhooks/{id}."""

from ticketing import clock
from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.dynamodb.transactions import until_written
from ticketing.webhooks.errors import WebhookNotFoundError
from ticketing.webhooks.operations import find_webhook
from ticketing.webhooks.repository import WebhookRepository


@endpoint(Operation.DELETE_WEBHOOK)
def handler(request: Request) -> Response:
    """Delete the webhook with its secrets; pending deliveries are dropped."""
    webhook_id, expected = request.id_or(WebhookNotFoundError), request.expected_version()
    webhooks = WebhookRepository(of_caller(request.caller))
    until_written(lambda: webhooks.delete(find_webhook(webhooks.get(webhook_id), expected), clock.now()))
    return Response(204)
