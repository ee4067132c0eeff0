"""listDeliveries: GET /v1/webhooks/{id}/deliveries."""

from ticketing.access.permissions import Operation
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.webhooks.delivery_operations import deliveries_of, presented
from ticketing.webhooks.errors import WebhookNotFoundError
from ticketing.webhooks.models import DeliveryQuery
from ticketing.webhooks.operations import find_webhook, webhooks_of


@endpoint(Operation.LIST_DELIVERIES, takes_query=True)
def handler(request: Request) -> Response:
    """Answer one page of the deliveries to the webhook, the newest event first."""
    webhook_id, query = request.id_or(WebhookNotFoundError), request.query(DeliveryQuery)
    find_webhook(webhooks_of(request.caller).get(webhook_id))
    page = deliveries_of(request.caller, webhook_id).list(query.state, limit=query.limit, cursor=query.cursor)
    return Response(200, [presented(delivery) for delivery in page.items], headers=request.next_link(page.cursor))
