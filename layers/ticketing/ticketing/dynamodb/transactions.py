"""Transactions of DynamoDB: why one was cancelled, and trying a change again that others were faster with."""

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
"""How often a change is decided anew after losing a race, before the caller is told 409."""


OTHERS_WERE_FIRST: Final = "Others keep changing this. Read it again, then repeat the request."


class VersionConflictError(Exception):
    """Somebody else changed the item between the read and the write; nothing was written."""


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


type Checks = Mapping[str, TransactWriteItemTypeDef]
"""What else has to hold for a write, by the field of the ticket that asks for it: checks on whom it names."""


class NotNamedError(Exception):
    """People can't be named in these fields (outside names), as the checks of a write say; nothing was written."""

    def __init__(self, fields: list[str]) -> None:
        super().__init__(*fields)
        self.fields = fields


_LOST_RACE = frozenset({"ConditionalCheckFailed", "TransactionConflict"})


def raise_refusal(error: ClientError, checks: Checks) -> None:
    """Raise what a cancelled transaction, whose last members are checks, means, unless it was cancelled by a failure.

    A check that failed counts only where nothing else stood in its way: a ticket that changed meanwhile may name
    somebody else by now, so that is decided anew first.
    """
    codes = refusals(error)
    first = len(codes) - len(checks)
    refused = [field for field, code in zip(checks, codes[first:], strict=False) if code == "ConditionalCheckFailed"]
    if refused and set(codes[:first]) == {"None"} and set(codes[first:]) <= {"None", "ConditionalCheckFailed"}:
        raise NotNamedError(refused) from error
    if _LOST_RACE.intersection(codes) and _LOST_RACE.union({"None"}).issuperset(codes):
        raise VersionConflictError from error
