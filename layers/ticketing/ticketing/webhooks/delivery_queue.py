"""The queue of deliveries: each message stands for the next attempt of one delivery.

The state of a delivery is in its item alone. A message only says that it is time to look, so it may come twice, early,
or late.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from aws_lambda_powertools.logging import Logger
from botocore.exceptions import BotoCoreError, ClientError

from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT
from ticketing.events.consumer import Record, Source
from ticketing.webhooks.models import Delivery

logger = Logger()


@dataclass(frozen=True, slots=True)
class Message:
    """What a message says: which delivery, and in which round. It holds no secret."""

    tenant_id: str
    webhook_id: str
    delivery_id: str
    round: int

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Return the message of a delivery as it is."""
        return cls(delivery.tenant_id, delivery.webhook_id, delivery.id, delivery.round)

    def send(self) -> None:
        """Send it. The message group (a fair queue) keeps one tenant's many from delaying another's few."""
        clients.sqs().send_message(
            QueueUrl=DEPLOYMENT.webhook_deliveries,
            MessageBody=json.dumps(asdict(self)),
            MessageGroupId=self.tenant_id,
        )


@dataclass(frozen=True, slots=True)
class Received:
    """A message that was received."""

    message: Message
    receipt_handle: str

    def postpone(self, seconds: int) -> None:
        """Set the visibility timeout: the message comes again when it is over.

        If that fails, the message comes too early, and is postponed then.
        """
        try:
            clients.sqs().change_message_visibility(
                QueueUrl=DEPLOYMENT.webhook_deliveries,
                ReceiptHandle=self.receipt_handle,
                VisibilityTimeout=seconds,
            )
        except (BotoCoreError, ClientError):
            logger.exception("a message can't be postponed")


def _read(record: Record) -> Received:
    return Received(Message(**json.loads(record["body"])), record["receiptHandle"])


def _fields(received: Received) -> Mapping[str, Any]:
    message = received.message
    return {"tenantId": message.tenant_id, "webhookId": message.webhook_id, "deliveryId": message.delivery_id}


DELIVERIES: Final = Source(_read, _fields)
"""The queue of deliveries, as deliverWebhook consumes it."""
