"""redeliver: POST /v1/webhooks/{id}/deliveries/{deliveryId}/redeliver."""

from ticketing.errors import DeliveryNotFoundError, WebhookNotFoundError
from ticketing.frame import Response, endpoint
from ticketing.notifications import deliveries
from ticketing.permissions import Operation
from ticketing.request import Request


@endpoint(Operation.REDELIVER)
def handler(request: Request) -> Response:
    """Begin the delivery anew; what comes of it is read at its address."""
    webhook_id = request.id_or(WebhookNotFoundError)
    delivery_id = request.id_or(DeliveryNotFoundError, "deliveryId")
    return Response(202, deliveries.presented(deliveries.redeliver(request.caller, webhook_id, delivery_id)))
