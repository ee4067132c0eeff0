"""What the notifications table holds of a tenant that is being deleted, and its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any, Final

from ticketing.dynamodb.attributes import to_item
from ticketing.dynamodb.tables import erase_all, items_of, tenant_prefix
from ticketing.events.rows import SINGLE_PARTITIONS
from ticketing.webhooks.delivery_repository import delivery_key
from ticketing.webhooks.repository import webhook_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

_PAGE: Final = 100


class NotificationRemains:
    """The items of one tenant, found again until they are gone: an erasure that is cut off anywhere can start anew."""

    def __init__(self, client: DynamoDBClient, table: str, tenant_id: str) -> None:
        self._client = client
        self._table = table
        self._id = tenant_id
        self._webhooks = webhook_key(tenant_id, "")["PK"]

    def pages(self) -> Iterator[Sequence[dict[str, Any]]]:
        """Yield the keys of the items, 100 at most at a time; a webhook after its deliveries, as it leads to them."""
        webhooks = [key["SK"]["S"].partition("#")[2] for key in self._keys(self._webhooks)]
        partitions = [delivery_key(self._id, webhook_id, "")["PK"] for webhook_id in webhooks if webhook_id]
        partitions += [self._webhooks, *(f"{tenant_prefix(self._id)}#{end}" for end in SINGLE_PARTITIONS)]
        for partition in partitions:
            yield from batched(self._keys(partition), _PAGE, strict=False)

    def erase(self, keys: Sequence[dict[str, Any]]) -> None:
        """Erase items.

        Raises
        ------
        ThrottledError
            Some are still there.
        """
        erase_all(self._client, self._table, keys)

    def _keys(self, partition: str) -> Iterator[dict[str, Any]]:
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "PK = :partition",
            "ExpressionAttributeValues": to_item({":partition": partition}),
            "ProjectionExpression": "PK, SK",
            "ConsistentRead": True,
        }
        return (dict(item) for item in items_of(self._client, query))
