"""What the repositories share about DynamoDB: pages of a query, cancelled transactions, lost races."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from ticketing.errors import ConflictError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef


ATTEMPTS: Final = 5
"""How often a change is decided anew after losing a race, before the caller is told 409."""

OTHERS_WERE_FIRST: Final = "Others keep changing this. Read it again, then repeat the request."


class VersionConflictError(Exception):
    """Somebody else changed the item between the read and the write; nothing was written."""


@dataclass(frozen=True, slots=True)
class Page[T]:
    """One page of a list; `cursor` starts the next one, or is None at the end."""

    items: list[T]
    cursor: str | None


def page_of(
    client: DynamoDBClient, query: QueryInputTypeDef, limit: int
) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any] | None]:
    """Return at most `limit` items of a query, and the one that the next page follows, or None at the end."""
    answer = client.query(**query)
    items = answer["Items"]
    if len(items) > limit:
        return items[:limit], items[limit - 1]
    return items, answer.get("LastEvaluatedKey")  # also where DynamoDB ended the page, at 1 MB of long texts


def reasons(error: ClientError) -> list[dict[str, Any]]:
    """Return why a transaction was cancelled: one reason for each of its items, in order."""
    found: list[dict[str, Any]] = cast("dict[str, Any]", error.response).get("CancellationReasons") or [{}]
    return found


def until_written[T](attempt: Callable[[], T]) -> T:
    """Return what the attempt returns, trying it again while it raises VersionConflictError.

    Between tries it waits for up to 10, 20, 40, 80 ms, by chance: callers who met once shall not meet again.

    Raises
    ------
    ConflictError
        The race was lost every time.
    """
    for tried in range(ATTEMPTS):
        if tried:
            time.sleep(random.uniform(0, 0.005 * 2**tried))  # noqa: S311 - nothing is to be kept secret
        try:
            return attempt()
        except VersionConflictError:
            continue
    raise ConflictError(OTHERS_WERE_FIRST)
