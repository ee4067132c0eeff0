"""CSV (RFC 4180) that spreadsheets open as it is meant.

A byte order mark says that it is UTF-8. Numbers are numbers, and what is not there is an empty cell. A text that a
spreadsheet could take for a formula has an apostrophe in front: it is text then, whoever wrote it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ticketing.api.request import Request

type Value = str | int | float | None

_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How texts begin that are a formula to some spreadsheet; the last ones are the signs in full width."""

_BYTE_ORDER_MARK: Final = "\ufeff"


def wanted(request: Request) -> bool:
    """Return whether a request asks for CSV: it names that, and not JSON, too."""
    return request.accepts("text/csv") and not request.accepts("application/json")


def sheet(rows: Iterable[Sequence[Value]]) -> str:
    """Return rows as CSV, the first one being the names of the columns."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(map(_cell, row) for row in rows)
    return _BYTE_ORDER_MARK + text.getvalue()


def _cell(value: Value) -> Value:
    match value:
        case float():
            return round(value, 6)
        case str() if value.startswith(_FORMULAS):
            return f"'{value}"
    return value
