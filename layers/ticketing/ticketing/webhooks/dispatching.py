"""From an event to its deliveries: one for each webhook of the tenant that subscribed to it."""

import json
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ticketing import clock, ids
from ticketing.aws.data import of_tenant
from ticketing.events.once import Once
from ticketing.tickets.events import TicketEvent
from ticketing.users.tenant_operations import is_active
from ticketing.webhooks.delivery_queue import Message
from ticketing.webhooks.delivery_repository import DeliveryRepository
from ticketing.webhooks.models import (
    DELIVERIES_KEPT,
    MOST_WAITING,
    MOST_WAITING_OF_TENANT,
    TOO_MANY_WAIT,
    Delivery,
    DeliveryState,
    Webhook,
)
from ticketing.webhooks.repository import WebhookRepository

CONSUMER: Final = "webhooks"

_LEASE: Final = timedelta(seconds=60)
"""As long as the function may run: after that, a dispatch that was begun and not finished is done again."""


class Dispatched(NamedTuple):
    """How many deliveries of an event there are, and how many were dropped because too many wait already."""

    deliveries: int = 0
    dropped: int = 0


def dispatch(event: TicketEvent) -> Dispatched:
    """Create the deliveries of an event and send their messages; return how many there are.

    A delivery to a webhook that has too many waiting is written as FAILED: the admin sees it, and can redeliver it.
    If it is interrupted, the event is retried: deliveries that are there stay as they are, and those without an attempt
    get another message.

    Raises
    ------
    BeingDoneError, ClientError, BotoCoreError
        Another function works on it; AWS failed. Either way the event is retried.
    """
    data = of_tenant(event.tenant_id)
    webhooks = WebhookRepository(data).all()
    wanting = [each for each in webhooks if each.wants(event.type, internal=event.is_internal)]
    if not wanting or not is_active(event.tenant_id):
        return Dispatched()
    tenant_is_full = sum(each.waiting for each in webhooks) >= MOST_WAITING_OF_TENANT
    dropped = 0
    once = Once(data, CONSUMER)
    with once.doing(event.id, lease=_LEASE) as mine:
        if not mine:
            return Dispatched()
        for webhook in wanting:
            full = webhook.waiting >= MOST_WAITING or (tenant_is_full and webhook.failing_since is not None)
            dropped += full
            _dispatch_to(webhook, event, TOO_MANY_WAIT if full else None)
    return Dispatched(len(wanting), dropped)


def _dispatch_to(webhook: Webhook, event: TicketEvent, dropped: str | None) -> None:
    deliveries, delivery = DeliveryRepository(of_tenant(event.tenant_id), webhook.id), new_delivery(webhook, event)
    if dropped:
        values = {"state": DeliveryState.FAILED, "next_attempt_at": None, "failure_reason": dropped}
        deliveries.create(delivery.model_copy(update=values))
        return
    if not deliveries.create(delivery):
        found = deliveries.get(delivery.id)
        if found is None or found.attempts or found.state is not DeliveryState.PENDING:
            return
        delivery = found
    Message.of(delivery).send()


def new_delivery(webhook: Webhook, event: TicketEvent) -> Delivery:
    """Return the delivery of an event to a webhook. Its id follows from both, so that there is one of each."""
    now = clock.now()
    data = event.model_dump(mode="json", by_alias=True, exclude_none=True)
    body = {"type": event.type, "timestamp": event.occurred_at, "data": data}
    return Delivery(
        id=ids.timed_id(datetime.fromisoformat(event.occurred_at), webhook.id, event.id),
        tenant_id=event.tenant_id,
        webhook_id=webhook.id,
        event_id=event.id,
        event_type=event.type,
        ticket_id=event.ticket_id,
        state=DeliveryState.PENDING,
        next_attempt_at=clock.timestamp(now),
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        created_at=clock.timestamp(now),
        expires_at=int((now + DELIVERIES_KEPT).timestamp()),
    )
