"""Idempotency: each consumer acts once on an event, though the bus delivers at least once and in any order.

The notifications table has an item for each event and consumer that is done, for longer than the bus's archive keeps
events. So a replay repeats nothing either.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final, cast

from aws_lambda_powertools.logging import Logger
from botocore.exceptions import BotoCoreError, ClientError

from ticketing import clock
from ticketing.aws.data import TenantData
from ticketing.dynamodb.attributes import to_item
from ticketing.dynamodb.tables import tenant_prefix
from ticketing.events.errors import BeingDoneError
from ticketing.ids import new_id

logger = Logger()

KEPT: Final = timedelta(days=15)
"""How long the items are kept: a day longer than the archive's retention."""

_PAUSES: Final = (0.1, 0.4)
"""Seconds before releasing or finishing is retried, each time with the client's own three tries."""

_DONE: Final = "DONE"
_BEGUN: Final = "BEGUN"


class Once:
    """The claims of one consumer on a tenant's events."""

    def __init__(self, data: TenantData, consumer: str) -> None:
        self._client = data.client
        self._table = data.tables.notifications
        self._partition = once_partition(data.tenant_id)
        self._consumer = consumer

    @contextmanager
    def doing(self, event_id: str, *, part: str = "", lease: timedelta | None = None) -> Iterator[bool]:
        """Claim the work on an event (or a part of it, such as one person's); the value says whether it is to be done.

            with once.doing(event.id, lease=timedelta(seconds=30)) as mine:
                if mine:
                    ...

        When the block ends, the work is done; an exception that leaves it releases the claim. Writing either takes up
        to 28 s when DynamoDB does not answer, after 9 s to claim: the function's timeout has to leave room for it.

        Parameters
        ----------
        event_id
            The event.
        part
            Names a part of the work, where its parts are done one by one.
        lease
            After how long work that was begun and not done (a crash) may be claimed again. None: never, for work that
            must not happen twice; after a crash in the middle it counts as done.

        Raises
        ------
        BeingDoneError
            Another function has claimed it, and its lease is not over.
        ClientError, BotoCoreError
            DynamoDB failed. Before the block: nothing is done. After it, which happens with a lease only: the work is
            done, and will be done again when the lease is over. So it has to be idempotent itself, or do without a
            lease.
        """
        key = to_item({"PK": self._partition, "SK": "#".join(filter(None, (event_id, self._consumer, part)))})
        token = new_id()
        try:
            mine = self._begin(key, token, lease)
        except (BotoCoreError, ClientError):
            self._release(key, token)  # the answer may be lost, and not the request
            raise
        if not mine:
            yield False
            return
        try:
            yield True
        except BaseException:
            self._release(key, token)
            raise
        if lease is not None:
            self._finish(key, token)

    def _begin(self, key: dict[str, Any], token: str, lease: timedelta | None) -> bool:
        """Return whether the work is to be done; write that it has begun, or (without a lease) is done."""
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

    def _release(self, key: dict[str, Any], token: str) -> None:
        """Release a claim. If that fails, the work waits for the end of its lease; without one, it is lost."""
        try:
            self._insist(lambda: self._client.delete_item(TableName=self._table, Key=key, **_if_mine(token)))
        except (BotoCoreError, ClientError):
            logger.exception("once: a claim can't be released", extra={"work": key["SK"]["S"]})

    def _finish(self, key: dict[str, Any], token: str) -> None:
        """Write that the work is done."""
        mine = _if_mine(token)
        self._insist(
            lambda: self._client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="SET #state = :done REMOVE leaseUntil",
                ConditionExpression=mine["ConditionExpression"],
                ExpressionAttributeNames={"#state": "state", **mine["ExpressionAttributeNames"]},
                ExpressionAttributeValues={":done": {"S": _DONE}, **mine["ExpressionAttributeValues"]},
            )
        )

    def _insist(self, write: Callable[[], object]) -> None:
        """Make a write and retry it, unless the claim is not the caller's (any more)."""
        for pause in (*_PAUSES, None):
            try:
                write()
            except self._client.exceptions.ConditionalCheckFailedException:
                return
            except (BotoCoreError, ClientError):
                if pause is None:
                    raise
                time.sleep(pause)
            else:
                return


def _if_mine(token: str) -> dict[str, Any]:
    return {
        "ConditionExpression": "#token = :token",
        "ExpressionAttributeNames": {"#token": "token"},
        "ExpressionAttributeValues": {":token": {"S": token}},
    }


def once_partition(tenant_id: str) -> str:
    """Return the partition key of consumers' claims on a tenant's events."""
    return f"{tenant_prefix(tenant_id)}#ONCE"
