"""What the operations on deliveries share: finding, repeating and presenting them."""

import json
from datetime import datetime, timedelta
from typing import Any, Final

from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.aws.data import of_caller
from ticketing.dynamodb.transactions import VersionConflictError
from ticketing.errors import ConflictError
from ticketing.webhooks.delivery_queue import Message
from ticketing.webhooks.delivery_repository import DeliveryRepository
from ticketing.webhooks.errors import DeliveryNotFoundError, WebhookInactiveError
from ticketing.webhooks.models import Delivery
from ticketing.webhooks.operations import find_webhook
from ticketing.webhooks.repository import WebhookRepository

_NOT_SHOWN: Final = {"tenant_id", "body", "tries", "round", "lease_until", "waiting", "restarted_at", "expires_at"}

_BETWEEN_ROUNDS: Final = timedelta(minutes=1)
"""How long after it was redelivered a delivery can be redelivered again: nobody is flooded with one."""


def find_delivery(delivery: Delivery | None) -> Delivery:
    """Return the delivery that was read, or raise DeliveryNotFoundError."""
    if delivery is None:
        raise DeliveryNotFoundError
    return delivery


def redeliver(caller: Caller, webhook_id: str, delivery_id: str) -> Delivery:
    """Start a new round of a delivery, at once and with all its attempts, in whatever state it is; return it.

    The round is written, then its message sent. If that fails, the answer is 503, and the request can be repeated:
    messages of earlier rounds are ignored.

    Raises
    ------
    WebhookNotFoundError, DeliveryNotFoundError, WebhookInactiveError
        In this order.
    ConflictError
        An attempt is under way, or the last round has just begun.
    """
    webhook = find_webhook(WebhookRepository(of_caller(caller)).get(webhook_id))
    deliveries = DeliveryRepository(of_caller(caller), webhook_id)
    delivery = find_delivery(deliveries.get(delivery_id))
    if not webhook.active:
        raise WebhookInactiveError
    now = clock.now()
    if delivery.restarted_at and now - datetime.fromisoformat(delivery.restarted_at) < _BETWEEN_ROUNDS:
        message = "It has just been redelivered. Look at what comes of it; a minute later it can be redelivered again."
        raise ConflictError(message)
    try:
        begun = deliveries.restart(delivery, now)
    except VersionConflictError as error:
        message = "An attempt is being made right now. Look at what comes of it in half a minute."
        raise ConflictError(message) from error
    Message.of(begun).send()
    return begun


def presented(delivery: Delivery) -> dict[str, Any]:
    """Return the delivery as lists show it."""
    return delivery.model_dump(mode="json", by_alias=True, exclude=_NOT_SHOWN)


def presented_with_payload(delivery: Delivery) -> dict[str, Any]:
    """Return the delivery with its payload."""
    return presented(delivery) | {"payload": json.loads(delivery.body)}
