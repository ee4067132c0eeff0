"""What the operations on deliveries share: finding, repeating and presenting them; and their messages."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.aws import clients
from ticketing.aws.data import of_caller
from ticketing.deployment import DEPLOYMENT
from ticketing.dynamodb.transactions import VersionConflictError
from ticketing.errors import ConflictError
from ticketing.webhooks.delivery_repository import DeliveryRepository
from ticketing.webhooks.errors import DeliveryNotFoundError, WebhookInactiveError
from ticketing.webhooks.models import Delivery
from ticketing.webhooks.operations import find_webhook
from ticketing.webhooks.repository import WebhookRepository

_NOT_SHOWN = {"tenant_id", "body", "tries", "round", "lease_until", "expires_at"}


@dataclass(frozen=True, slots=True)
class Message:
    """What is in the queue of a delivery: which one, and in which round. It is nobody's secret."""

    tenant_id: str
    webhook_id: str
    delivery_id: str
    round: int

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Return the message that leads to a delivery as it is."""
        return cls(delivery.tenant_id, delivery.webhook_id, delivery.id, delivery.round)

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the message that a text of the queue is."""
        return cls(**json.loads(text))

    def send(self) -> None:
        """Put it into the queue. The group lets one tenant's many not hold up another's few."""
        clients.sqs().send_message(
            QueueUrl=DEPLOYMENT.webhook_deliveries,
            MessageBody=json.dumps(asdict(self)),
            MessageGroupId=self.tenant_id,
        )


def find_delivery(delivery: Delivery | None) -> Delivery:
    """Return the delivery that was read, or raise DeliveryNotFoundError."""
    if delivery is None:
        raise DeliveryNotFoundError
    return delivery


def redeliver(caller: Caller, webhook_id: str, delivery_id: str) -> Delivery:
    """Begin a delivery anew, at once and with all its attempts, whatever came of it before; return it as it is then.

    It is written down, then put into the queue. Where that fails, the answer is 503, and the request can be repeated:
    messages of rounds before are not followed.

    Raises
    ------
    WebhookNotFoundError, DeliveryNotFoundError, WebhookInactiveError
        Looked at in this order.
    ConflictError
        An attempt is being made right now.
    """
    webhook = find_webhook(WebhookRepository(of_caller(caller)).get(webhook_id))
    deliveries = DeliveryRepository(of_caller(caller), webhook_id)
    delivery = find_delivery(deliveries.get(delivery_id))
    if not webhook.active:
        raise WebhookInactiveError
    try:
        begun = deliveries.restart(delivery, clock.now())
    except VersionConflictError as error:
        message = "An attempt is being made right now. Look at what comes of it in half a minute."
        raise ConflictError(message) from error
    Message.of(begun).send()
    return begun


def presented(delivery: Delivery) -> dict[str, Any]:
    """Return the delivery as lists show it."""
    return delivery.model_dump(mode="json", by_alias=True, exclude=_NOT_SHOWN)


def presented_with_payload(delivery: Delivery) -> dict[str, Any]:
    """Return the delivery with what is sent."""
    return presented(delivery) | {"payload": json.loads(delivery.body)}
