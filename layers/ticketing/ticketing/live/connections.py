"""The repository of open WebSocket connections: whose they are, and what they have subscribed to. One item each.

Who somebody is now is read from the users table (`people.active_users`), not from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from ticketing import clock
from ticketing.aws.data import TenantData
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.damage import Item, read_all
from ticketing.dynamodb.tables import answers_of, items_of, tenant_prefix
from ticketing.errors import BadRequestError, UnauthorizedError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

MOST_TOPICS: Final = 50

NOT_OPEN: Final = "This connection is no longer open. Connect again."

_LIFETIME: Final = timedelta(hours=2, minutes=10)
"""API Gateway ends a connection after two hours. If its $disconnect does not arrive, TTL removes the item."""


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection of somebody who was authorized when it was opened."""

    id: str
    user_id: str
    token_expires_at: int | None
    """Seconds since 1970; None for an API key without an end."""
    topics: frozenset[str] = field(default_factory=frozenset[str])
    token_issued_at: int | None = None
    """Seconds since 1970; None for an API key."""

    def is_over(self, now: datetime) -> bool:
        """Return whether the token that opened it has expired."""
        return self.token_expires_at is not None and self.token_expires_at <= now.timestamp()


class Connections:
    """The open connections of one tenant."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.notifications
        self._tenant_id = data.tenant_id

    def count(self, user_id: str | None = None) -> int:
        """Return how many connections the tenant, or one of its users, has: one query for each 1 MB.

        Eventually consistent. It counts connections whose end was not reported, too, until they expire.
        """
        key = connection_key(self._tenant_id, user_id)
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "PK = :pk AND begins_with(SK, :all)",
            "FilterExpression": "expiresAt > :now",
            "ExpressionAttributeValues": to_item(
                {":pk": key["PK"], ":all": key["SK"], ":now": int(clock.now().timestamp())}
            ),
            "Select": "COUNT",
        }
        return sum(answer["Count"] for answer in answers_of(self._client, query))

    def open(self, connection: Connection) -> None:
        """Write a new connection, without topics."""
        now = clock.now()
        values: dict[str, Any] = {
            **self._key(connection),
            "connectionId": connection.id,
            "userId": connection.user_id,
            "tokenExpiresAt": connection.token_expires_at,
            "tokenIssuedAt": connection.token_issued_at,
            "topics": {},
            "connectedAt": clock.timestamp(now),
            "expiresAt": int((now + _LIFETIME).timestamp()),
        }
        self._client.put_item(TableName=self._table, Item=to_item(values))

    def close(self, connection: Connection) -> None:
        """Delete a connection, if it is there."""
        self._client.delete_item(TableName=self._table, Key=to_item(self._key(connection)))

    def topics(self, connection: Connection) -> frozenset[str]:
        """Return the topics of a connection (a consistent read); none if it is not there."""
        answer = self._client.get_item(
            TableName=self._table,
            Key=to_item(self._key(connection)),
            ConsistentRead=True,
            ProjectionExpression="topics",
        )
        return frozenset(from_item(answer.get("Item", {})).get("topics", {}))

    def subscribe(self, connection: Connection, topic: str) -> None:
        """Add a topic to a connection, which may have it already.

        Raises
        ------
        BadRequestError
            It has 50 topics.
        UnauthorizedError
            It is not there: closed, or open for longer than API Gateway allows.
        """
        condition = "attribute_exists(PK) AND (size(topics) < :most OR attribute_exists(topics.#topic))"
        try:
            self._client.update_item(
                TableName=self._table,
                Key=to_item(self._key(connection)),
                UpdateExpression="SET topics.#topic = :yes",
                ConditionExpression=condition,
                ExpressionAttributeNames={"#topic": topic},
                ExpressionAttributeValues=to_item({":most": MOST_TOPICS, ":yes": True}),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            if "Item" in cast("dict[str, Any]", error.response):
                message = f"A connection has at most {MOST_TOPICS} topics. Unsubscribe from one first."
                raise BadRequestError(message) from error
            raise UnauthorizedError(NOT_OPEN) from error

    def unsubscribe(self, connection: Connection, topic: str) -> None:
        """Take a topic from a connection, which may not have it.

        Raises
        ------
        UnauthorizedError
            The connection is not there.
        """
        try:
            self._client.update_item(
                TableName=self._table,
                Key=to_item(self._key(connection)),
                UpdateExpression="REMOVE topics.#topic",
                ConditionExpression="attribute_exists(PK)",
                ExpressionAttributeNames={"#topic": topic},
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise UnauthorizedError(NOT_OPEN) from error

    def all(self) -> Iterator[Connection]:
        """Yield all open connections, some of which may be gone: one query for each 1 MB, about 4,000 of them."""
        key = connection_key(self._tenant_id)
        items = items_of(
            self._client,
            {
                "TableName": self._table,
                "KeyConditionExpression": "PK = :pk AND begins_with(SK, :all)",
                "ExpressionAttributeValues": to_item({":pk": key["PK"], ":all": key["SK"]}),
                "ProjectionExpression": "PK, SK, connectionId, userId, tokenExpiresAt, tokenIssuedAt, topics",
            },
        )
        return read_all(items, _connection)

    def _key(self, connection: Connection) -> dict[str, str]:
        return connection_key(self._tenant_id, connection.user_id, connection.id)


def _connection(item: Item) -> Connection:
    issued, end = (int(item[name]["N"]) if name in item else None for name in ("tokenIssuedAt", "tokenExpiresAt"))
    return Connection(item["connectionId"]["S"], item["userId"]["S"], end, frozenset(item["topics"]["M"]), issued)


def connection_key(tenant_id: str, user_id: str | None = None, connection_id: str = "") -> dict[str, str]:
    """Return the key of an open WebSocket connection.

    Without its id, its range key is what all of the user's start with; without a user, what all of the tenant's do.
    """
    of_user = "" if user_id is None else f"{user_id}#{connection_id}"
    return {"PK": f"{tenant_prefix(tenant_id)}#CONNECTIONS", "SK": f"CONNECTION#{of_user}"}
