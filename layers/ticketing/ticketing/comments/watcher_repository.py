"""Watchers of tickets in DynamoDB: who set a ticket to be watched, or not to be watched.

A setting is an item under the ticket's partition key, `WATCHER#<user id>`. A user without a setting has no item.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ticketing.aws.data import TenantData
from ticketing.dynamodb.attributes import to_item
from ticketing.dynamodb.damage import Item, read_all, read_one
from ticketing.dynamodb.tables import items_of
from ticketing.dynamodb.transactions import raise_for_cancellation
from ticketing.tickets.keys import ticket_partition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef

PREFIX: Final = "WATCHER#"
"""What the range key of every setting starts with."""


class WatcherRepository:
    """The settings to watch one tenant's tickets. Every key it builds starts with the tenant's id."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.tickets
        self._tenant_id = data.tenant_id

    def list_settings(self, ticket_id: str) -> dict[str, bool]:
        """Return who set a ticket to be watched (True) or not (False), by user id: one query for each 1 MB."""
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "PK = :pk AND begins_with(SK, :watchers)",
            "ExpressionAttributeValues": to_item(
                {":pk": ticket_partition(self._tenant_id, ticket_id), ":watchers": PREFIX}
            ),
            "ConsistentRead": True,
        }
        return dict(read_all(items_of(self._client, query), _setting))

    def get_setting(self, ticket_id: str, user_id: str) -> dict[str, bool]:
        """Return one user's setting in the shape of `list_settings`, empty if there is none: one consistent read."""
        key = to_item(self._key(ticket_id, user_id))
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return dict([read_one(answer["Item"], _setting)]) if "Item" in answer else {}

    def put_setting(self, check: TransactWriteItemTypeDef, ticket_id: str, user_id: str, *, watching: bool) -> None:
        """Write a user's setting, if the condition check of the ticket holds.

        Raises
        ------
        VersionConflictError
            The ticket was changed or deleted after it was read.
        """
        put: TransactWriteItemTypeDef = {
            "Put": {"TableName": self._table, "Item": to_item(self._key(ticket_id, user_id) | {"watching": watching})}
        }
        try:
            self._client.transact_write_items(TransactItems=[check, put])
        except self._client.exceptions.TransactionCanceledException as error:
            raise_for_cancellation(error, {})
            raise

    def watch_unless_set(self, ticket_id: str, user_ids: Iterable[str]) -> list[TransactWriteItemTypeDef]:
        """Return the transaction's writes that make users watch a ticket, unless they have a setting.

        The state machine writes the same when it moves the ticket (`watchers` of its input).
        """
        return [
            {
                "Update": {
                    "TableName": self._table,
                    "Key": to_item(self._key(ticket_id, user_id)),
                    "UpdateExpression": "SET watching = if_not_exists(watching, :yes)",
                    "ExpressionAttributeValues": {":yes": {"BOOL": True}},
                }
            }
            for user_id in user_ids
        ]

    def _key(self, ticket_id: str, user_id: str) -> dict[str, str]:
        return {"PK": ticket_partition(self._tenant_id, ticket_id), "SK": f"{PREFIX}{user_id}"}


def _setting(item: Item) -> tuple[str, bool]:
    return item["SK"]["S"].removeprefix(PREFIX), item["watching"]["BOOL"]
