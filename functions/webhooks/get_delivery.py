"""getDelivery: GET /v1/webhooks/{id}/deliveries/{deliveryId}."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.webhooks.delivery_operations import find_delivery, presented_with_payload
from ticketing.webhooks.delivery_repository import DeliveryRepository
from ticketing.webhooks.errors import DeliveryNotFoundError, WebhookNotFoundError
from ticketing.webhooks.operations import find_webhook
from ticketing.webhooks.repository import WebhookRepository


@endpoint(Operation.GET_DELIVERY)
def handler(request: Request) -> Response:
    """Answer the delivery with its attempts and its payload."""
    webhook_id = request.id_or(WebhookNotFoundError)
    find_webhook(WebhookRepository(of_caller(request.caller)).get(webhook_id))
    delivery_id = request.id_or(DeliveryNotFoundError, "deliveryId")
    delivery = find_delivery(DeliveryRepository(of_caller(request.caller), webhook_id).get(delivery_id))
    return Response(200, presented_with_payload(delivery))
