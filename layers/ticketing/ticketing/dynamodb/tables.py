"""What the repositories share: the prefix of a tenant's keys, updates, pages of queries, batch deletes."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Any, Final

from ticketing.access.identity import TENANT_ID
from ticketing.dynamodb.attributes import to_attribute, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        QueryInputTypeDef,
        TransactWriteItemTypeDef,
        UpdateTypeDef,
        WriteRequestTypeDef,
    )


_BATCH: Final = 25
"""The most items of one BatchWriteItem."""

_BATCH_TRIES: Final = 6
"""How many times unprocessed items of a batch are sent: exponential backoff of 50 ms, 100 ms, ... 1.6 s."""

type Key = Mapping[str, Any]
"""The PK and SK of an item, in DynamoDB's JSON."""

_PAGE_SIZE: Final = 1_000_000
"""The most characters of a page, approximately: with four bytes each, a response stays below 6 MB."""

_NAME: Final = re.compile(r"#(\w+)")


class ThrottledError(Exception):
    """DynamoDB left items of a batch unprocessed, and retries did not help."""


@dataclass(frozen=True, slots=True)
class Page[T]:
    """One page of a list. `cursor` starts the next page; None at the end."""

    items: list[T]
    cursor: str | None


def tenant_prefix(tenant_id: str) -> str:
    """Return the prefix of all keys of a tenant, without the `#` that follows.

    Raises
    ------
    ValueError
        This is not a tenant's id: the keys might be another tenant's.
    """
    if not TENANT_ID.fullmatch(tenant_id):
        message = "a repository needs a tenant's id"
        raise ValueError(message)
    return f"TENANT#{tenant_id}"


def update_of(
    table: str,
    key: Mapping[str, str],
    changes: Mapping[str, Any],
    *,
    condition: str = "",
    values: Mapping[str, Any] | None = None,
) -> UpdateTypeDef:
    """Return the update that sets attributes of an item to plain values (None removes), if the condition is true.

    The condition refers to attributes as `#version` and to `values` (plain) as `:before`. Their names must differ from
    those of the attributes that are set.
    """
    kept = {name: value for name, value in changes.items() if value is not None}
    expressions = {
        "SET": ", ".join(f"#{name} = :{name}" for name in kept),
        "REMOVE": ", ".join(f"#{name}" for name in changes if name not in kept),
    }
    update: UpdateTypeDef = {
        "TableName": table,
        "Key": to_item(key),
        "UpdateExpression": " ".join(f"{verb} {what}" for verb, what in expressions.items() if what),
        "ExpressionAttributeNames": {f"#{name}": name for name in [*changes, *_NAME.findall(condition)]},
    }
    bound = {f":{name}": to_attribute(value) for name, value in kept.items()} | to_item(values or {})
    if bound:
        update["ExpressionAttributeValues"] = bound
    if condition:
        update["ConditionExpression"] = condition
    return update


def put_new(table: str, item: Mapping[str, Any]) -> TransactWriteItemTypeDef:
    """Return the write, for a transaction, of a new item (plain values, None left out). It never overwrites one."""
    return {"Put": {"TableName": table, "Item": to_item(item), "ConditionExpression": "attribute_not_exists(PK)"}}


def items_of(client: DynamoDBClient, query: QueryInputTypeDef) -> Iterator[Mapping[str, Any]]:
    """Yield all items of a query: one request for each 1 MB, on demand."""
    return (item for page in pages_of(client, query) for item in page)


def pages_of(client: DynamoDBClient, query: QueryInputTypeDef) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Yield all pages of a query. A page may be empty."""
    while True:
        answer = client.query(**query)
        yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        query = {**query, "ExclusiveStartKey": answer["LastEvaluatedKey"]}


def page_of(
    client: DynamoDBClient, query: QueryInputTypeDef, limit: int
) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any] | None]:
    """Return at most `limit` items of a query, and the last one if there is a next page, or else None."""
    answer = client.query(**query)
    items = answer["Items"]
    if len(items) > limit:
        return items[:limit], items[limit - 1]
    return items, answer.get("LastEvaluatedKey")  # set if DynamoDB ended the page at 1 MB


def batch_delete(client: DynamoDBClient, table: str, keys: Sequence[Key]) -> None:
    """Delete items of a table: one BatchWriteItem for each 25. Unprocessed items are retried.

    Raises
    ------
    ThrottledError
        Some items were not deleted.
    """
    for batch in batched(keys, _BATCH, strict=False):
        requests: Sequence[WriteRequestTypeDef] = [{"DeleteRequest": {"Key": key}} for key in batch]
        for attempt in range(_BATCH_TRIES):
            answer = client.batch_write_item(RequestItems={table: requests})
            requests = answer["UnprocessedItems"].get(table, [])  # type: ignore[assignment]
            if not requests:
                break
            time.sleep(0.05 * 2**attempt)
        else:
            raise ThrottledError


def keys_in(client: DynamoDBClient, table: str, partition: str) -> Iterator[Key]:
    """Yield the keys of all items of a partition (consistent reads): one request for each 1 MB."""
    query: QueryInputTypeDef = {
        "TableName": table,
        "KeyConditionExpression": "PK = :partition",
        "ExpressionAttributeValues": to_item({":partition": partition}),
        "ProjectionExpression": "PK, SK",
        "ConsistentRead": True,
    }
    return (dict(item) for item in items_of(client, query))


def full_page_of(
    client: DynamoDBClient, query: QueryInputTypeDef, limit: int
) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any] | None]:
    """Return the same as `page_of`, but fill the page even if the query's filter leaves items out.

    For lists with items that the caller may not see: neither the length of a page nor the cursor must reveal them. Only
    many long texts end a page early. It takes one request if nothing is left out, more if much is.
    """
    found: list[Mapping[str, Any]] = []
    size = 0
    for item in items_of(client, query):
        found.append(item)
        size += len(str(item))
        if len(found) > limit:
            return found[:limit], found[limit - 1]
        if size > _PAGE_SIZE:
            return found, found[-1]
    return found, None
