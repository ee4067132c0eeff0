"""The rows of people and API keys, as the authorizers read them: without pydantic, which would double their cold start.

`UserRepository` and `ApiKeyRepository` write the same items.
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

_PERSON, _API_KEY = "PERSON", "API_KEY"


@dataclass(frozen=True, slots=True)
class StoredPerson:
    """What a person's row says of their tokens: `tokens_valid_from` in seconds since 1970, None if it is missing."""

    role: Role
    active: bool
    tokens_valid_from: int | None


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What the item of an API key says of its token; the times are None for never."""

    key_hash: str
    role: Role
    active: bool
    expires_at: datetime | None
    last_used_at: datetime | None


class TokenRepository:
    """The people and API keys of one tenant. Every key it builds starts with the tenant's id."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.users
        self._tenant_id = data.tenant_id

    def get_person(self, user_id: str) -> StoredPerson | None:
        """Return a person as last written (a consistent read). None if there is none, or it is an API key."""
        item = self._read(user_id, "kind, active, #role, tokensValidFrom, invitedUntil")
        if item.get("kind") != _PERSON:
            return None
        active = item["active"] and item.get("invitedUntil") is None  # who is invited has to accept first
        return StoredPerson(Role(item["role"]), active, item.get("tokensValidFrom"))

    def get_key(self, key_id: str) -> StoredKey | None:
        """Return an API key as last written (a consistent read). None if there is none, or it is a person."""
        item = self._read(key_id, "kind, keyHash, active, #role, expiresAt, lastUsedAt")
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

    def _read(self, user_id: str, attributes: str) -> dict[str, Any]:
        answer = self._client.get_item(
            TableName=self._table,
            Key=self._key(user_id),
            ConsistentRead=True,
            ProjectionExpression=attributes,
            ExpressionAttributeNames={"#role": "role"},
        )
        return from_item(answer.get("Item", {}))

    def _key(self, key_id: str) -> dict[str, Any]:
        return to_item(user_key(self._tenant_id, key_id))


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
