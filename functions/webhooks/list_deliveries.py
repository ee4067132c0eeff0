"""listDeliveries: GET /v1/webhooks/{id}/deliveries."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.webhooks.delivery_operations import presented
from ticketing.webhooks.delivery_repository import DeliveryRepository
from ticketing.webhooks.errors import WebhookNotFoundError
from ticketing.webhooks.models import DeliveryQuery
from ticketing.webhooks.operations import find_webhook
from ticketing.webhooks.repository import WebhookRepository


@endpoint(Operation.LIST_DELIVERIES, takes_query=True)
def handler(request: Request) -> Response:
    """Answer one page of the deliveries to the webhook, the newest event first."""
    webhook_id, query = request.id_or(WebhookNotFoundError), request.query(DeliveryQuery)
    find_webhook(WebhookRepository(of_caller(request.caller)).get(webhook_id))
    page = DeliveryRepository(of_caller(request.caller), webhook_id).list(
        query.state, limit=query.limit, cursor=query.cursor
    )
    return Response(200, [presented(delivery) for delivery in page.items], headers=request.next_link(page.cursor))
