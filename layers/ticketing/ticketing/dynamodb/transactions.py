"""DynamoDB transactions: why one was cancelled, and the retry loop of optimistic locking."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import ClientError

from ticketing.errors import ConflictError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef


ATTEMPTS: Final = 5
"""How many times a change is attempted before the caller gets 409."""


OTHERS_WERE_FIRST: Final = "Others keep changing this. Read it again, then repeat the request."


class VersionConflictError(Exception):
    """The item changed between the read and the write (optimistic locking). Nothing was written."""


def cancellation_reasons(error: ClientError) -> list[dict[str, Any]]:
    """Return why a transaction was cancelled: one reason for each of its items, in order."""
    found: list[dict[str, Any]] = cast("dict[str, Any]", error.response).get("CancellationReasons") or [{}]
    return found


def cancellation_codes(error: ClientError) -> list[str]:
    """Return the code of each cancellation reason: the text `None` for an item that did not cause it."""
    return [reason.get("Code", "None") for reason in cancellation_reasons(error)]


def until_written[T](attempt: Callable[[], T], attempts: int = ATTEMPTS) -> T:
    """Return what the attempt returns. Retry it while it raises VersionConflictError.

    Before each retry it waits for a random time of at most 10, 20, 40, 80 ms and so on (exponential backoff with
    jitter), so that callers in conflict do not meet again.

    Raises
    ------
    ConflictError
        Every attempt ended in a conflict.
    """
    for tried in range(attempts):
        if tried:
            time.sleep(random.uniform(0, 0.005 * 2**tried))  # noqa: S311 - jitter, not a secret
        try:
            return attempt()
        except VersionConflictError:
            continue
    raise ConflictError(OTHERS_WERE_FIRST)


type Checks = Mapping[str, TransactWriteItemTypeDef]
"""Named condition checks, the last items of a transaction: what else must hold for its writes."""


class CheckFailedError(Exception):
    """Condition checks of a transaction failed; `names` are theirs. Nothing was written."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(*names)
        self.names = names


_CONFLICTS = frozenset({"ConditionalCheckFailed", "TransactionConflict"})


def raise_for_cancellation(error: ClientError, checks: Checks) -> None:
    """Raise the error that a cancelled transaction stands for; return if AWS cancelled it for another reason.

    Only if nothing but checks failed, it is CheckFailedError. If a write's own condition failed too, it is
    VersionConflictError: after the next read, the writer may need other checks.
    """
    codes = cancellation_codes(error)
    first = len(codes) - len(checks)
    failed = [name for name, code in zip(checks, codes[first:], strict=False) if code == "ConditionalCheckFailed"]
    if failed and set(codes[:first]) == {"None"} and set(codes[first:]) <= {"None", "ConditionalCheckFailed"}:
        raise CheckFailedError(failed) from error
    if _CONFLICTS.intersection(codes) and _CONFLICTS.union({"None"}).issuperset(codes):
        raise VersionConflictError from error
