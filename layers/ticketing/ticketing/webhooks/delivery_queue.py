"""The queue of deliveries: each message stands for the next attempt of one delivery.

The state of a delivery is in its item alone. A message only says that it is time to look, so it may come twice, early,
or late.

A message that waits for a retry is delayed (`DelaySeconds`) and not hidden. SQS allows 120,000 hidden messages (in
flight) in a queue, and any number of delayed ones; it delays for 15 minutes at most, so longer waits are repeated.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

from ticketing import clock
from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT
from ticketing.events.consumer import Record, Source
from ticketing.webhooks.models import Delivery

LONGEST_DELAY: Final = 900
"""The most seconds that SQS delays a message."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a message says: which delivery, in which round, and before when it says nothing (seconds since 1970).

    It holds no secret.
    """

    tenant_id: str
    webhook_id: str
    delivery_id: str
    round: int
    due: int = 0

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Return the message of a delivery as it is."""
        return cls(delivery.tenant_id, delivery.webhook_id, delivery.id, delivery.round)

    def after(self, seconds: int) -> Self:
        """Return the message that says the same, so many seconds from now."""
        return replace(self, due=_now() + seconds)

    @property
    def seconds_until_due(self) -> int:
        """How long it still says nothing."""
        return max(0, self.due - _now())

    def send(self) -> None:
        """Send it, delayed until it is due.

        The message group (a fair queue) keeps one tenant's many from delaying another's few.

        Raises
        ------
        ClientError, BotoCoreError
            It was not sent, or nobody knows: then there may be two, which does no harm.
        """
        clients.sqs().send_message(
            QueueUrl=DEPLOYMENT.webhook_deliveries,
            MessageBody=json.dumps(asdict(self)),
            DelaySeconds=min(self.seconds_until_due, LONGEST_DELAY),
            MessageGroupId=self.tenant_id,
        )


def _now() -> int:
    return int(clock.now().timestamp())


def _read(record: Record) -> Message:
    return Message(**json.loads(record["body"]))


def _fields(message: Message) -> Mapping[str, Any]:
    return {"tenantId": message.tenant_id, "webhookId": message.webhook_id, "deliveryId": message.delivery_id}


DELIVERIES: Final = Source(_read, _fields)
"""The queue of deliveries, as deliverWebhook consumes it."""
