"""Every event once: how consumers of the bus, which delivers at least once and in any order, do their work once.

What was done is remembered in the notifications table, under the event's id and the consumer's name, for longer than
the bus's archive keeps events, so that a replay repeats nothing either.
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
from ticketing.ids import new_id

logger = Logger(service="notifications")

KEPT: Final = timedelta(days=15)
"""How long it is remembered what was done: a day longer than the archive's retention."""

_PAUSES: Final = (0.1, 0.4)
"""Seconds before giving back or finishing is tried again, each time with the client's own three tries."""

_DONE: Final = "DONE"
_BEGUN: Final = "BEGUN"


class BeingDoneError(Exception):
    """Somebody else is at it, and may yet fail: the event has to come again."""


class Once:
    """What one consumer has done of a tenant's events."""

    def __init__(self, data: TenantData, consumer: str) -> None:
        self._client = data.client
        self._table = data.tables.notifications
        self._partition = once_partition(data.tenant_id)
        self._consumer = consumer

    @contextmanager
    def doing(self, event_id: str, *, part: str = "", lease: timedelta | None = None) -> Iterator[bool]:
        """Tell whether the work of an event (or a part of it, such as one person's) is the caller's to do now.

            with once.doing(event.id, lease=timedelta(seconds=30)) as mine:
                if mine:
                    ...

        The end of the block says that it is done; an exception that leaves it, that it is not. That is written down in
        up to 28 s when DynamoDB gives no answer, after 9 s to begin: the function's timeout has to leave room for it.

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
            DynamoDB failed. Before the block: nothing is done. After it, which happens with a lease only: it is done,
            and will be done again when the lease is over. So the work itself should bear to be repeated, or do
            without a lease.
        """
        key = to_item({"PK": self._partition, "SK": "#".join(filter(None, (event_id, self._consumer, part)))})
        token = new_id()
        try:
            mine = self._begin(key, token, lease)
        except (BotoCoreError, ClientError):
            self._give_back(key, token)  # the answer may be lost, and not the request
            raise
        if not mine:
            yield False
            return
        try:
            yield True
        except BaseException:
            self._give_back(key, token)
            raise
        if lease is not None:
            self._finish(key, token)

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

    def _give_back(self, key: dict[str, Any], token: str) -> None:
        """Let the work be anybody's again. What can't be given back waits for its lease, or is lost without one."""
        try:
            self._insist(lambda: self._client.delete_item(TableName=self._table, Key=key, **_if_mine(token)))
        except (BotoCoreError, ClientError):
            logger.exception("once: work can't be given back", extra={"work": key["SK"]["S"]})

    def _finish(self, key: dict[str, Any], token: str) -> None:
        """Write down that the work is done."""
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
        """Make a write, trying again what fails, unless the work is not the caller's (any more)."""
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
    """Return the partition key of what consumers have done of a tenant's events."""
    return f"{tenant_prefix(tenant_id)}#ONCE"
