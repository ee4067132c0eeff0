"""What the repositories share: the prefix of a tenant's keys, updates, pages of queries, batch deletes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, batched, takewhile
from typing import TYPE_CHECKING, Any, Final

from ticketing.access.identity import TENANT_ID
from ticketing.dynamodb.attributes import to_attribute, to_item
from ticketing.dynamodb.damage import Item, read_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        KeysAndAttributesUnionTypeDef,
        QueryInputTypeDef,
        QueryOutputTypeDef,
        TransactWriteItemTypeDef,
        UpdateTypeDef,
        WriteRequestTypeDef,
    )


_BATCH: Final = 25
"""The most items of one BatchWriteItem."""

_READ_BATCH: Final = 100
"""The most items of one BatchGetItem."""

_READ_PAUSES: Final = (0.05, 0.1, 0.2)
"""Seconds to wait before unprocessed keys of a BatchGetItem are sent again. Callers wait for it."""

_BATCH_TRIES: Final = 6
"""How many times unprocessed items of a batch are sent: exponential backoff of 50 ms, 100 ms, ... 1.6 s."""

type Key = Mapping[str, Any]
"""The PK and SK of an item, in DynamoDB's JSON."""

_LARGEST_PAGE: Final = 5_000_000
"""The most bytes of a page's items as Lambda answers them. Lambda allows 6 MB; `expand` adds names to the items."""

_NAME: Final = re.compile(r"#(\w+)")


class ThrottledError(Exception):
    """DynamoDB left items or keys of a batch unprocessed, and retries did not help."""


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
    return (answer["Items"] for answer in answers_of(client, query))


def answers_of(client: DynamoDBClient, query: QueryInputTypeDef) -> Iterator[QueryOutputTypeDef]:
    """Yield the answers to a query: one for each 1 MB, on demand."""
    while True:
        answer = client.query(**query)
        yield answer
        if "LastEvaluatedKey" not in answer:
            return
        query = {**query, "ExclusiveStartKey": answer["LastEvaluatedKey"]}


def page_of[T](
    client: DynamoDBClient, query: QueryInputTypeDef, limit: int, read: Callable[[Item], T]
) -> tuple[list[T], Item | None]:
    """Return what at most `limit` items of a query hold, and the last item if there is a next page, or else None.

    The page ends early where its answer would become too large, and at DynamoDB's 1 MB. An item that can't be read is
    left out.
    """
    answer = client.query(**query)
    items, is_cut = _first([answer], limit)
    return list(read_all(items, read)), items[-1] if is_cut else answer.get("LastEvaluatedKey")


def full_page_of[T](
    client: DynamoDBClient, query: QueryInputTypeDef, limit: int, read: Callable[[Item], T]
) -> tuple[list[T], Item | None]:
    """Return the same as `page_of`, but fill the page even if the query's filter leaves items out.

    For lists with items that the caller may not see: neither the length of a page nor the cursor must reveal them. Only
    the size of what they may see ends a page early. It takes one request if nothing is left out, more if much is.
    """
    items, is_cut = _first(answers_of(client, query), limit)
    return list(read_all(items, read)), items[-1] if is_cut else None


def _first(answers: Iterable[QueryOutputTypeDef], limit: int) -> tuple[list[Item], bool]:
    """Return the first items, as many as one answer may have and at least one, and whether there are more."""
    found: list[Item] = []
    fitting = received = 0
    for answer in answers:
        found += answer["Items"]
        received += _received_size(answer)
        fitting = len(found)
        # What DynamoDB sent is JSON, too, and escaping it once more at most doubles it: nearly all is known to fit.
        if 2 * received > _LARGEST_PAGE:
            fitting = fitting_of(found)
        if len(found) > limit or len(found) > fitting:
            break
    first = found[: min(limit, fitting)]
    return first, len(first) < len(found)


def fitting_of(items: Iterable[Mapping[str, Any]]) -> int:
    """Return how many of the first items, as JSON or DynamoDB's JSON, one answer may have: at least one."""
    sizes = accumulate(map(_answered_size, items))
    return max(1, sum(1 for _ in takewhile(_LARGEST_PAGE.__ge__, sizes)))


def _received_size(answer: QueryOutputTypeDef) -> int:
    """Return how many bytes an answer of DynamoDB had; where it does not say, too many to be sure of anything."""
    headers: Mapping[str, str] = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return int(headers.get("content-length", _LARGEST_PAGE))


def _answered_size(item: Mapping[str, Any]) -> int:
    """Return about how many bytes an item has in the answer of a Lambda function, rather too many than too few.

    The body of an answer is a text in a JSON object, so that JSON escapes it a second time: a quote takes four bytes, a
    control character seven.
    """
    body = json.dumps(item, ensure_ascii=False, default=str)
    return len(json.dumps(body, ensure_ascii=False).encode())


def batch_get(
    client: DynamoDBClient, table: str, keys: Iterable[Mapping[str, str]], wanted: KeysAndAttributesUnionTypeDef
) -> Iterator[Item]:
    """Yield the items with these keys (plain values), in no order: one BatchGetItem for every 100.

    `wanted` is how to read them: all of BatchGetItem's request but the keys. Unprocessed keys are retried.

    Raises
    ------
    ThrottledError
        Some keys were not read.
    """
    for batch in batched(keys, _READ_BATCH, strict=False):
        request: KeysAndAttributesUnionTypeDef = {**wanted, "Keys": [to_item(key) for key in batch]}
        for pause in (*_READ_PAUSES, None):
            answer = client.batch_get_item(RequestItems={table: request})
            yield from answer["Responses"].get(table, ())
            if table not in answer["UnprocessedKeys"]:
                break
            if pause is None:
                raise ThrottledError
            request = answer["UnprocessedKeys"][table]
            time.sleep(pause)


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
