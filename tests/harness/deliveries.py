"""Deliveries to webhooks that are written past the API, as no event waits to happen."""

import json
import time
from uuid import uuid4

from tests.harness.stack import Stack
from ticketing.dynamodb.attributes import to_item
from ticketing.tickets.kinds import EventType
from ticketing.webhooks.delivery_repository import delivery_key
from ticketing.webhooks.models import Delivery, DeliveryState

_EVENT_ID = "0190b2c4-0000-7000-8000-000000000000"
_MOMENT = "2026-02-02T09:00:00.000Z"


def write_delivery(stack: Stack, tenant_id: str, webhook: str) -> str:
    """Write a delivery to a webhook, given by its path, and return where it is."""
    webhook_id = webhook.rpartition("/")[2]
    delivery = Delivery(
        id=str(uuid4()),
        tenant_id=tenant_id,
        webhook_id=webhook_id,
        event_id=_EVENT_ID,
        event_type=EventType.TICKET_RESTORED,
        ticket_id=_EVENT_ID,
        state=DeliveryState.DELIVERED,
        body=json.dumps({"type": EventType.TICKET_RESTORED, "timestamp": _MOMENT, "data": {}}),
        created_at=_MOMENT,
        expires_at=int(time.time()) + 3600,
    )
    key = delivery_key(tenant_id, webhook_id, delivery.id)
    stack.client("dynamodb").put_item(
        TableName=stack.outputs["NotificationsTableName"], Item=to_item(key | delivery.model_dump(by_alias=True))
    )
    return f"{webhook}/deliveries/{delivery.id}"
