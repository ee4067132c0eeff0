"""Items that can't be read: each is left out of its list, logged with its key, and counted. Nothing else fails with it.

However an item came to be, by hand or by a bug, a model may refuse it. docs/operating.md says how to repair it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from aws_lambda_powertools.logging import Logger

from ticketing.errors import DamagedItemError
from ticketing.metrics import count

type Item = Mapping[str, Any]
"""An item in DynamoDB's JSON."""

_UNREADABLE: Final = (AttributeError, LookupError, TypeError, ValueError)
"""What a function raises that can't read an item; pydantic's ValidationError is a ValueError."""

logger = Logger()


def read_one[T](item: Item, read: Callable[[Item], T]) -> T:
    """Return what an item (or a projection with its key) holds.

    Raises
    ------
    DamagedItemError
        It can't be read. Neither the error nor the log shows its content.
    """
    try:
        return read(item)
    except _UNREADABLE as error:
        logger.error("an item can't be read", extra={"key": _key(item), "reasons": _reasons(error)})  # noqa: TRY400
        count({"DamagedItems": 1}, {})
    raise DamagedItemError


def read_all[T](items: Iterable[Item], read: Callable[[Item], T]) -> Iterator[T]:
    """Yield what the items hold, without those that can't be read."""
    for item in items:
        try:
            found = read_one(item, read)
        except DamagedItemError:
            continue
        yield found


def _key(item: Item) -> dict[str, str | None]:
    return {name: item.get(name, {}).get("S") for name in ("PK", "SK")}


def _reasons(error: Exception) -> list[str]:
    """Return which attributes are wrong, as far as that is known, without anything that is in them."""
    # The authorizers read items, too, and pydantic would double their cold start.
    from pydantic import ValidationError  # noqa: PLC0415

    if not isinstance(error, ValidationError):
        return [type(error).__name__]
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return list(dict.fromkeys(f"{'.'.join(map(str, each['loc'][:1])) or 'item'}: {each['type']}" for each in found))
