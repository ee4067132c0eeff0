"""getDelivery: GET /v1/webhooks/{id}/deliveries/{deliveryId}."""

from ticketing.errors import DeliveryNotFoundError, WebhookNotFoundError
from ticketing.frame import Response, endpoint
from ticketing.notifications.deliveries import deliveries_of, find_delivery, presented_with_payload
from ticketing.notifications.webhooks import find_webhook, webhooks_of
from ticketing.permissions import Operation
from ticketing.request import Request


@endpoint(Operation.GET_DELIVERY)
def handler(request: Request) -> Response:
    """Answer the delivery with its attempts, and what is sent."""
    webhook_id = request.id_or(WebhookNotFoundError)
    find_webhook(webhooks_of(request.caller).get(webhook_id))
    delivery_id = request.id_or(DeliveryNotFoundError, "deliveryId")
    delivery = find_delivery(deliveries_of(request.caller, webhook_id).get(delivery_id))
    return Response(200, presented_with_payload(delivery))
