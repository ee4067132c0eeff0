"""What the repositories share about DynamoDB: a tenant's keys, updates, pages, cancelled transactions, lost races."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from ticketing.attributes import to_attribute, to_item
from ticketing.errors import ConflictError
from ticketing.identity import TENANT_ID

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef, UpdateTypeDef

ATTEMPTS: Final = 5
"""How often a change is decided anew after losing a race, before the caller is told 409."""

_PAGE_SIZE: Final = 1_000_000
"""About how many characters a page of long texts may have: with four bytes for each, an answer stays below 6 MB."""

_NAME: Final = re.compile(r"#(\w+)")

OTHERS_WERE_FIRST: Final = "Others keep changing this. Read it again, then repeat the request."


class VersionConflictError(Exception):
    """Somebody else changed the item between the read and the write; nothing was written."""


@dataclass(frozen=True, slots=True)
class Page[T]:
    """One page of a list; `cursor` starts the next one, or is None at the end."""

    items: list[T]
    cursor: str | None


def tenant_prefix(tenant_id: str) -> str:
    """Return what every key of a tenant starts with, before a `#`.

    Raises
    ------
    ValueError
        This is no tenant's id: the keys might be another's.
    """
    if not TENANT_ID.fullmatch(tenant_id):
        message = "a repository needs a tenant's id"
        raise ValueError(message)
    return f"TENANT#{tenant_id}"


def ticket_partition(tenant_id: str, ticket_id: str) -> str:
    """Return the partition key of a ticket and of all that hangs on it.

    Raises
    ------
    ValueError
        The first is no tenant's id.
    """
    return f"{tenant_prefix(tenant_id)}#TICKET#{ticket_id}"


def update_of(
    table: str,
    key: Mapping[str, str],
    changes: Mapping[str, Any],
    *,
    condition: str = "",
    values: Mapping[str, Any] | None = None,
) -> UpdateTypeDef:
    """Return the update that sets attributes of an item to plain values (None removes), if the condition holds.

    The condition names attributes as `#version`. `values` (plain) are what it names besides, as `:before`; none may be
    called like what is set.
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
    """Return the member of a transaction that writes an item (plain values, None left out), never over another."""
    return {"Put": {"TableName": table, "Item": to_item(item), "ConditionExpression": "attribute_not_exists(PK)"}}


def items_of(client: DynamoDBClient, query: QueryInputTypeDef) -> Iterator[Mapping[str, Any]]:
    """Yield all items of a query: one request for each 1 MB, as the caller gets there."""
    return (item for page in pages_of(client, query) for item in page)


def pages_of(client: DynamoDBClient, query: QueryInputTypeDef) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Yield the pages of a query to its end; one may be empty."""
    while True:
        answer = client.query(**query)
        yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        query = {**query, "ExclusiveStartKey": answer["LastEvaluatedKey"]}


def page_of(
    client: DynamoDBClient, query: QueryInputTypeDef, limit: int
) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any] | None]:
    """Return at most `limit` items of a query, and the one that the next page follows, or None at the end."""
    answer = client.query(**query)
    items = answer["Items"]
    if len(items) > limit:
        return items[:limit], items[limit - 1]
    return items, answer.get("LastEvaluatedKey")  # also where DynamoDB ended the page, at 1 MB of long texts


def full_page_of(
    client: DynamoDBClient, query: QueryInputTypeDef, limit: int
) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any] | None]:
    """Return the same as `page_of`, but as many items as there are, whatever else the query has read and left out.

    For lists that leave out what the caller may not know of: neither the length of a page nor where the next one starts
    tells that there was something. Only many long texts end a page early. It takes one request where nothing is left
    out, more where much is.
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


def reasons(error: ClientError) -> list[dict[str, Any]]:
    """Return why a transaction was cancelled: one reason for each of its items, in order."""
    found: list[dict[str, Any]] = cast("dict[str, Any]", error.response).get("CancellationReasons") or [{}]
    return found


def refusals(error: ClientError) -> list[str]:
    """Return the codes of the reasons why a transaction was cancelled, the text `None` for an item that is none."""
    return [reason.get("Code", "None") for reason in reasons(error)]


def until_written[T](attempt: Callable[[], T], attempts: int = ATTEMPTS) -> T:
    """Return what the attempt returns, trying it again while it raises VersionConflictError.

    Between tries it waits for up to 10, 20, 40, 80 ms and so on, by chance: callers who met once shall not meet again.

    Raises
    ------
    ConflictError
        The race was lost every time.
    """
    for tried in range(attempts):
        if tried:
            time.sleep(random.uniform(0, 0.005 * 2**tried))  # noqa: S311 - nothing is to be kept secret
        try:
            return attempt()
        except VersionConflictError:
            continue
    raise ConflictError(OTHERS_WERE_FIRST)
