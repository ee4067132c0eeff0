"""The keys of groups: what listReportTickets is given of a group, as a report has shown it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl, urlencode

from ticketing.analytics.models import By, Part
from ticketing.errors import BadRequestError

AGENT: Final = "agent"
"""What the workload is by."""

PEOPLE: Final = frozenset({By.ASSIGNEE.value, By.REPORTER.value, AGENT})
"""What tickets are grouped by that is a person."""

_OTHER: Final = "other"
_NONE: Final = "none"


def name_of(part: Part) -> str:
    """Return what a part is a value of."""
    return AGENT if part.by is None else part.by.value


def key_of(parts: Sequence[Part]) -> str:
    """Return the key of a group, such as `status=OPEN&tag.other=`; empty for all tickets."""
    return urlencode([_pair(part) for part in parts])


def parts_of(key: str) -> tuple[Part, ...]:
    """Return the parts of a group by its key.

    Raises
    ------
    BadRequestError
        It is none.
    """
    try:
        pairs = parse_qsl(key, keep_blank_values=True, strict_parsing=True, max_num_fields=2) if key else []
        return tuple(_part(name, value) for name, value in pairs)
    except ValueError as error:
        message = "The number can't be opened."
        raise BadRequestError(message, ["group: is the key of a group of the report"]) from error


def _pair(part: Part) -> tuple[str, str]:
    name = name_of(part)
    if part.value is None:
        return f"{name}.{_OTHER if part.is_other else _NONE}", ""
    return name, part.value


def _part(name: str, value: str) -> Part:
    thing, _, kind = name.partition(".")
    by = None if thing == AGENT else By(thing)
    match kind:
        case "":
            return Part(by, value)
        case "other" | "none":
            return Part(by, None, is_other=kind == _OTHER)
    message = "no kind of group"
    raise ValueError(message)
