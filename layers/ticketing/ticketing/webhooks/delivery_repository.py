"""The repository of deliveries: keys and expressions of their items in the notifications table.

The deliveries to one webhook are one partition, in the order of their events: an id starts with the time
(`ids.timed_id`).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ticketing import clock
from ticketing.api.bodies import UUID
from ticketing.aws.data import TenantData
from ticketing.dynamodb import cursors
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.damage import Item, read_one
from ticketing.dynamodb.tables import Page, page_of, tenant_prefix, update_of
from ticketing.dynamodb.transactions import VersionConflictError
from ticketing.webhooks.models import Delivery, DeliveryState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

_FILTERED_PAGE: Final = 200
"""How many deliveries a page may read when it is filtered by state; limits its cost and time."""

_SHAPE: Final = re.compile(UUID)
_UNCHANGED: Final = "#state = :pending AND #round = :wasRound AND #tries = :wasTries"
"""No attempt was finished, and no redelivery started, since the delivery was read."""


class DeliveryRepository:
    """The deliveries to one webhook of one tenant; every key starts with the tenant."""

    def __init__(self, data: TenantData, webhook_id: str) -> None:
        self._client = data.client
        self._table = data.tables.notifications
        self._tenant_id = data.tenant_id
        self._webhook_id = webhook_id

    def create(self, delivery: Delivery) -> bool:
        """Write a new delivery and return whether there was none with this id."""
        item = delivery_key(self._tenant_id, self._webhook_id, delivery.id) | delivery.model_dump(by_alias=True)
        try:
            self._client.put_item(
                TableName=self._table, Item=to_item(item), ConditionExpression="attribute_not_exists(PK)"
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def get(self, delivery_id: str) -> Delivery | None:
        """Return a delivery as last written (a consistent read), or None if there is none."""
        answer = self._client.get_item(TableName=self._table, Key=self._key(delivery_id), ConsistentRead=True)
        return read_one(answer["Item"], _delivery) if "Item" in answer else None

    def list(self, state: DeliveryState | None, *, limit: int, cursor: str | None) -> Page[Delivery]:
        """Return one page of the deliveries, or of those in a state, the newest event first: one query.

        Raises
        ------
        BadRequestError
            The cursor was altered, or belongs to another tenant, webhook or state.
        """
        first = delivery_key(self._tenant_id, self._webhook_id, "")
        scope = f"{first['PK']} {state}"
        values = {":webhook": first["PK"], ":deliveries": first["SK"]}
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "PK = :webhook AND begins_with(SK, :deliveries)",
            "ExpressionAttributeValues": to_item(values | ({":state": state} if state else {})),
            "ScanIndexForward": False,
            # One more than asked for tells whether there is a next page, without an empty one at the end.
            "Limit": _FILTERED_PAGE if state else limit + 1,
        }
        if state is not None:
            query["FilterExpression"] = "#state = :state"
            query["ExpressionAttributeNames"] = {"#state": "state"}
        if cursor is not None:
            query["ExclusiveStartKey"] = self._key(cursors.decode(cursor, scope=scope, shape=_SHAPE))
        deliveries, last = page_of(self._client, query, limit, _delivery)
        position = last["SK"]["S"].removeprefix(first["SK"]) if last else None
        following = cursors.encode(position, scope=scope) if position else None
        return Page(deliveries, following)

    def begin(self, delivery: Delivery, now: datetime, lease: timedelta) -> Delivery:
        """Claim the next attempt, for as long as the lease, and return the delivery as it is then.

        Raises
        ------
        VersionConflictError
            Another function has claimed it, or the delivery has changed since it was read.
        """
        until = {"leaseUntil": _milliseconds(now + lease)}
        free = f"{_UNCHANGED} AND (attribute_not_exists(#leaseUntil) OR #leaseUntil < :now)"
        self._update(delivery, until, free, {":now": _milliseconds(now)})
        return delivery.model_copy(update={"lease_until": until["leaseUntil"]})

    def finish(self, begun: Delivery, after: Delivery) -> None:
        """Write the result of an attempt.

        Raises
        ------
        VersionConflictError
            The lease was over, and another function has made the attempt.
        """
        changes = {
            "state": after.state,
            "attempts": [attempt.model_dump(by_alias=True) for attempt in after.attempts],
            "tries": after.tries,
            "nextAttemptAt": after.next_attempt_at,
            "leaseUntil": None,
            "waiting": after.waiting,
        }
        self._update(begun, changes, f"{_UNCHANGED} AND #leaseUntil = :lease", {":lease": begun.lease_until})

    def wait(self, delivery: Delivery) -> Delivery:
        """Write that the delivery waits, and return it as it is then.

        Raises
        ------
        VersionConflictError
            It waits already, or has changed since it was read.
        """
        condition = f"{_UNCHANGED} AND (attribute_not_exists(#waiting) OR #waiting = :not)"
        self._update(delivery, {"waiting": True}, condition, {":not": False})
        return delivery.model_copy(update={"waiting": True})

    def give_up(self, delivery: Delivery, reason: str | None = None) -> None:
        """Write that no other attempt will be made, and why.

        Raises
        ------
        VersionConflictError
            It has changed since it was read.
        """
        changes = {
            "state": DeliveryState.FAILED,
            "nextAttemptAt": None,
            "leaseUntil": None,
            "waiting": False,
            "failureReason": reason,
        }
        self._update(delivery, changes, _UNCHANGED, {})

    def restart(self, delivery: Delivery, now: datetime) -> Delivery:
        """Start a new round of a delivery, in whatever state it is, and return it.

        Raises
        ------
        VersionConflictError
            An attempt is under way, or the delivery has changed since it was read.
        """
        after = delivery.model_copy(
            update={
                "state": DeliveryState.PENDING,
                "round": delivery.round + 1,
                "tries": 0,
                "next_attempt_at": clock.timestamp(now),
                "lease_until": None,
                "failure_reason": None,
                "restarted_at": clock.timestamp(now),
            }
        )
        names = {"state", "round", "tries", "next_attempt_at", "lease_until", "failure_reason", "restarted_at"}
        changes = after.model_dump(by_alias=True, include=names)
        condition = "#round = :before AND (attribute_not_exists(#leaseUntil) OR #leaseUntil < :now)"
        self._write(delivery, changes, condition, {":before": delivery.round, ":now": _milliseconds(now)})
        return after

    def _update(self, delivery: Delivery, changes: dict[str, Any], condition: str, values: dict[str, Any]) -> None:
        """Change a delivery, if it is `_UNCHANGED` since it was read."""
        stands = {":pending": DeliveryState.PENDING, ":wasRound": delivery.round, ":wasTries": delivery.tries}
        self._write(delivery, changes, condition, stands | values)

    def _write(self, delivery: Delivery, changes: dict[str, Any], condition: str, values: dict[str, Any]) -> None:
        key = delivery_key(self._tenant_id, self._webhook_id, delivery.id)
        try:
            self._client.update_item(**update_of(self._table, key, changes, condition=condition, values=values))
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise VersionConflictError from error

    def _key(self, delivery_id: str) -> dict[str, Any]:
        return to_item(delivery_key(self._tenant_id, self._webhook_id, delivery_id))


def _delivery(item: Item) -> Delivery:
    return Delivery.model_validate(from_item(item))


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def delivery_key(tenant_id: str, webhook_id: str, delivery_id: str) -> dict[str, str]:
    """Return the key of an event's delivery to a webhook; with an empty id, its range key is what all start with."""
    return {"PK": f"{tenant_prefix(tenant_id)}#WEBHOOK#{webhook_id}", "SK": f"DELIVERY#{delivery_id}"}
