"""Every event once: how consumers of the bus, which delivers at least once and in any order, do their work once.

What was done is remembered in the notifications table, under the event's id and the consumer's name, for longer than
the bus's archive keeps events, so that a replay repeats nothing either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from ticketing import clock
from ticketing.attributes import to_item
from ticketing.ids import new_id
from ticketing.tables import tenant_prefix

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT: Final = timedelta(days=15)
"""How long it is remembered what was done: a day longer than the archive's retention."""

_DONE: Final = "DONE"
_BEGUN: Final = "BEGUN"


class BeingDoneError(Exception):
    """Somebody else is at it, and may yet fail: the event has to come again."""


class Once:
    """What one consumer has done of a tenant's events."""

    def __init__(self, client: DynamoDBClient, table: str, tenant_id: str, consumer: str) -> None:
        self._client = client
        self._table = table
        self._tenant = tenant_prefix(tenant_id)
        self._consumer = consumer

    @contextmanager
    def doing(self, event_id: str, *, part: str = "", lease: timedelta | None = None) -> Iterator[bool]:
        """Tell whether the work of an event (or a part of it, such as one person's) is the caller's to do now.

            with once.doing(event.id, lease=timedelta(seconds=30)) as mine:
                if mine:
                    ...

        The end of the block says that it is done; an exception that leaves it, that it is not. Three requests at most.

        Parameters
        ----------
        event_id
            The event.
        part
            What of it, where it has parts that are done one by one.
        lease
            After how long somebody may do it again who finds it begun and not done (a crash). None: never, for what
            must not happen twice; a crash in the middle counts as done then.

        Raises
        ------
        BeingDoneError
            Somebody has begun it and their lease is not over.
        ClientError, BotoCoreError
            DynamoDB failed. Before the block: nothing is begun. After it: when the lease is over, it is done again.
        """
        key = to_item({"PK": f"{self._tenant}#ONCE", "SK": "#".join(filter(None, (event_id, self._consumer, part)))})
        token = new_id()
        if not self._begin(key, token, lease):
            yield False
            return
        try:
            yield True
        except BaseException:
            self._client.delete_item(TableName=self._table, Key=key, **_if_mine(token))
            raise
        if lease is not None:
            mine = _if_mine(token)
            self._client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="SET #state = :done REMOVE leaseUntil",
                ConditionExpression=mine["ConditionExpression"],
                ExpressionAttributeNames={"#state": "state", **mine["ExpressionAttributeNames"]},
                ExpressionAttributeValues={":done": {"S": _DONE}, **mine["ExpressionAttributeValues"]},
            )

    def _begin(self, key: dict[str, Any], token: str, lease: timedelta | None) -> bool:
        """Return whether the work is the caller's; write down that it has begun, or (without a lease) is done."""
        now = clock.now()
        item = key | to_item(
            {
                "token": token,
                "state": _DONE if lease is None else _BEGUN,
                "leaseUntil": None if lease is None else int((now + lease).timestamp() * 1000),
                "expiresAt": int((now + KEPT).timestamp()),
            }
        )
        try:
            self._client.put_item(
                TableName=self._table,
                Item=item,
                # The token: a try of the client that timed out may have landed.
                ConditionExpression="attribute_not_exists(PK) OR leaseUntil < :now OR #token = :token",
                ExpressionAttributeNames={"#token": "token"},
                ExpressionAttributeValues=to_item({":now": int(now.timestamp() * 1000), ":token": token}),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            found = cast("dict[str, Any]", error.response).get("Item", {})
            if found.get("state") == {"S": _DONE}:
                return False
            raise BeingDoneError from error
        return True


def _if_mine(token: str) -> dict[str, Any]:
    return {
        "ConditionExpression": "#token = :token",
        "ExpressionAttributeNames": {"#token": "token"},
        "ExpressionAttributeValues": {":token": {"S": token}},
    }
