"""rotateSecret: POST /v1/webhooks/{id}/secret."""

from ticketing.errors import WebhookNotFoundError
from ticketing.frame import Response, endpoint
from ticketing.notifications import webhooks
from ticketing.notifications.webhook_models import SecretRotation
from ticketing.permissions import Operation
from ticketing.request import Request
from ticketing.users.service import check_still_admin


@endpoint(Operation.ROTATE_SECRET)
def handler(request: Request) -> Response:
    """Replace the webhook's secret; the new one is in this answer and in none later."""
    webhook_id, expected = request.id_or(WebhookNotFoundError), request.expected_version()
    given = request.body(SecretRotation).secret
    check_still_admin(request.caller)
    webhook, secret = webhooks.rotate_secret(request.caller, webhook_id, given, expected)
    return Response(200, webhooks.presented(webhook) | {"secret": secret}, etag=webhook.version)
