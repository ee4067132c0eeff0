"""The repository of message counts: how many messages a user has sent in a minute. One item each, removed by TTL."""

from __future__ import annotations

from typing import Final

from ticketing.aws.data import TenantData
from ticketing.dynamodb.attributes import from_attribute, to_item
from ticketing.live.connections import connection_key

_KEPT: Final = 300
"""Seconds after its minute that an item is kept."""


class MessageCounts:
    """The message counts of one tenant's users."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.notifications
        self._partition = connection_key(data.tenant_id)["PK"]

    def add(self, user_id: str, minute: int, number: int) -> int:
        """Add to the messages of a user in a minute (since 1970), and return how many there are now."""
        answer = self._client.update_item(
            TableName=self._table,
            Key=to_item({"PK": self._partition, "SK": f"MESSAGES#{user_id}#{minute}"}),
            UpdateExpression="SET expiresAt = :expires ADD messages :number",
            ExpressionAttributeValues=to_item({":expires": (minute + 1) * 60 + _KEPT, ":number": number}),
            ReturnValues="UPDATED_NEW",
        )
        return int(from_attribute(answer["Attributes"]["messages"]))
