"""The queue of what is to be done on search indexes: one pass over a tenant's index for each message.

It is a FIFO queue, and a tenant is a message group: nobody else writes to a tenant's index meanwhile, so no writer
loses a race. Nothing depends on that, nor on the order. A message says where to look and nothing of what is there, so
it may come twice, late or not at all.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import batched
from typing import Any, Final, Self

from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT
from ticketing.events.consumer import Record, Source
from ticketing.ids import new_id

_MOST: Final = 100
"""How many tickets a message names at most."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done on a tenant's index: one of these."""

    tenant_id: str
    ticket_ids: tuple[str, ...] = ()
    """Read these tickets again."""
    since: str | None = None
    """When the oldest of their changes was made, RFC 3339."""
    rebuild: str | None = None
    """Build a new index; the value says why. While one is being built for the same reason, no other is begun."""
    step: str | None = None
    """Go on building: `position` of the build as it was when this was sent."""
    compact: str | None = None
    """Take out what was deleted long ago, and delete what is no longer in use; the value is another one each time."""

    @classmethod
    def of_changes(cls, tenant_id: str, changes: Mapping[str, str]) -> Iterable[Self]:
        """Yield the orders to read tickets again. `changes` says when each was changed first, by their ids."""
        for some in batched(changes.items(), _MOST, strict=False):
            yield cls(tenant_id, tuple(ticket_id for ticket_id, _ in some), since=min(moment for _, moment in some))

    def send(self) -> None:
        """Send it. SQS drops it if it has got the same one in the last five minutes, but for changes.

        Raises
        ------
        ClientError, BotoCoreError
            It was not sent, or nobody knows: then there may be two, which does no harm.
        """
        body = json.dumps({key: value for key, value in asdict(self).items() if value})
        clients.sqs().send_message(
            QueueUrl=DEPLOYMENT.search_indexing,
            MessageBody=body,
            MessageGroupId=self.tenant_id,
            MessageDeduplicationId=new_id() if self.ticket_ids else hashlib.sha256(body.encode()).hexdigest(),
        )


def rebuild(tenant_id: str, reason: str) -> None:
    """Have a tenant's index built anew, beside the one that is served; raises as `Order.send` does."""
    Order(tenant_id, rebuild=reason).send()


def _read(record: Record) -> Order:
    body = json.loads(record["body"])
    return Order(**body | {"ticket_ids": tuple(body.get("ticket_ids", ()))})


def _fields(order: Order) -> Mapping[str, Any]:
    return {"tenantId": order.tenant_id}


ORDERS: Final = Source(_read, _fields)
"""The queue as indexTenant consumes it."""
