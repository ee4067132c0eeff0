"""When invitations were last emailed to an address, by any tenant: one person gets one email in a while.

The items belong to no tenant: who else invites an address is nobody's business. They hold a hash of the address, and
TTL removes them.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from ticketing import clock, ids
from ticketing.deployment import DEPLOYMENT
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.text import folded

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class InvitationMails:
    """The emails of invitations to all addresses."""

    def __init__(self, client: DynamoDBClient, table: str, cooldown: timedelta) -> None:
        self._client = client
        self._table = table
        self._cooldown = cooldown

    def claim(self, email: str) -> bool:
        """Return whether the address may be emailed now, which starts its cooldown; of two at once, one may."""
        now, token = clock.now(), ids.new_id()
        item = _key(email) | {"expiresAt": _seconds(now + self._cooldown), "token": token}
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item(item),
                ConditionExpression="attribute_not_exists(PK) OR expiresAt <= :now",
                ExpressionAttributeValues=to_item({":now": _seconds(now)}),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            # botocore repeats a write whose answer was lost: then it is this very claim that stands in the way.
            standing = from_item(cast("dict[str, Any]", error.response).get("Item", {}))
            return bool(standing.get("token") == token)
        return True

    def release(self, email: str) -> None:
        """End the cooldown of an address that was not emailed after all."""
        ended = _key(email) | {"expiresAt": _seconds(clock.now()), "token": ids.new_id()}
        self._client.put_item(TableName=self._table, Item=to_item(ended))

    def is_recent(self, email: str) -> bool:
        """Return whether the address is in its cooldown (a consistent read). TTL may remove an item days late."""
        answer = self._client.get_item(TableName=self._table, Key=to_item(_key(email)), ConsistentRead=True)
        return "Item" in answer and int(answer["Item"]["expiresAt"]["N"]) > _seconds(clock.now())


def invitation_mails(client: DynamoDBClient) -> InvitationMails:
    """Return the deployment's emails of invitations, for a tenant's client or that of all."""
    return InvitationMails(client, DEPLOYMENT.tables.notifications, timedelta(seconds=DEPLOYMENT.invitation_cooldown))


def _key(email: str) -> dict[str, Any]:
    return {"PK": f"ADDRESS#{hashlib.sha256(folded(email).encode()).hexdigest()}", "SK": "INVITED"}


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
