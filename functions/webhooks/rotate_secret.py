"""rotateSecret: POST /v1/webhooks/{id}/secret."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.webhooks import operations
from ticketing.webhooks.errors import WebhookNotFoundError
from ticketing.webhooks.models import SecretRotation


@endpoint(Operation.ROTATE_SECRET)
def handler(request: Request) -> Response:
    """Replace the webhook's secret; the new one is in this answer and in no later one."""
    webhook_id, expected = request.id_or(WebhookNotFoundError), request.expected_version()
    given = request.body(SecretRotation).secret
    webhook, secret = operations.rotate_secret(request.caller, webhook_id, given, expected)
    return Response(200, operations.presented(webhook) | {"secret": secret}, etag=webhook.version)
