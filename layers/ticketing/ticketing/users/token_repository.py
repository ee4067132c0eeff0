"""API keys in DynamoDB, as the authorizers read them: without pydantic, which would double their cold start.

`ApiKeyRepository` creates, lists and revokes the same items.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ticketing import clock
from ticketing.access.roles import Role
from ticketing.aws.data import TenantData
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.people.keys import user_key

_API_KEY = "API_KEY"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What the item of an API key says of its token; the times are None for never."""

    key_hash: str
    role: Role
    active: bool
    expires_at: datetime | None
    last_used_at: datetime | None


class TokenRepository:
    """The API keys of one tenant. Every key it builds starts with the tenant's id."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.users
        self._tenant_id = data.tenant_id

    def get(self, key_id: str) -> StoredKey | None:
        """Return an API key as last written (a consistent read). None if there is none, or it is a person."""
        answer = self._client.get_item(
            TableName=self._table,
            Key=self._key(key_id),
            ConsistentRead=True,
            ProjectionExpression="kind, keyHash, active, #role, expiresAt, lastUsedAt",
            ExpressionAttributeNames={"#role": "role"},
        )
        item = from_item(answer.get("Item", {}))
        if item.get("kind") != _API_KEY:
            return None
        return StoredKey(
            key_hash=item["keyHash"],
            role=Role(item["role"]),
            active=item["active"],
            expires_at=_time(item.get("expiresAt")),
            last_used_at=_time(item.get("lastUsedAt")),
        )

    def record_use(self, key_id: str, *, now: datetime) -> None:
        """Write when an API key was last used.

        Raises
        ------
        ConditionalCheckFailedException
            The key was revoked, or its item was deleted. Nothing was written.
        """
        self._client.update_item(
            TableName=self._table,
            Key=self._key(key_id),
            UpdateExpression="SET lastUsedAt = :now",
            ConditionExpression="active = :active",  # also prevents a new item where none is left
            ExpressionAttributeValues=to_item({":now": clock.timestamp(now), ":active": True}),
        )

    def _key(self, key_id: str) -> dict[str, Any]:
        return to_item(user_key(self._tenant_id, key_id))


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
