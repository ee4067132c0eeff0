"""redeliver: POST /v1/webhooks/{id}/deliveries/{deliveryId}/redeliver."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.webhooks import delivery_operations
from ticketing.webhooks.errors import DeliveryNotFoundError, WebhookNotFoundError


@endpoint(Operation.REDELIVER)
def handler(request: Request) -> Response:
    """Start a new round of the delivery; getDelivery shows the result."""
    webhook_id = request.id_or(WebhookNotFoundError)
    delivery_id = request.id_or(DeliveryNotFoundError, "deliveryId")
    return Response(
        202, delivery_operations.presented(delivery_operations.redeliver(request.caller, webhook_id, delivery_id))
    )
