"""deleteWebhook: DELETE /v1/webhooks/{id}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.webhooks.errors import WebhookNotFoundError
from ticketing.webhooks.operations import delete_webhook


@endpoint(Operation.DELETE_WEBHOOK)
def handler(request: Request) -> Response:
    """Delete the webhook with its secrets; pending deliveries are dropped."""
    delete_webhook(request.caller, request.id_or(WebhookNotFoundError), request.expected_version())
    return Response(204)
