"""The figures of reports, as data, and what periods are made of. Pure: no index, no AWS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from ticketing.analytics.models import Interval, ReportName
from ticketing.search.columns import Duration, Moments, People, minute_of
from ticketing.search.facts import FINISHED
from ticketing.tickets.lifecycle import Status

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from ticketing.analytics.models import Ask

MOST_PARTS: Final = {0: 400, 1: 400, 2: 50}
"""Into how many parts a period may be divided, by how many things tickets are grouped by: a year by day, and some.

By two things there are up to 144 groups: more parts would make an answer larger than a function may give.
"""

MOST_GROUPS: Final = {0: 0, 1: 25, 2: 10}
"""How many values have groups of their own, by how many things tickets are grouped by; for each of them."""

MOST_AGENTS: Final = 100
"""How many agents the workload names."""

PERCENTILES: Final = {"median": 50, "p90": 90}

OPEN: Final = tuple(status for status in Status if status not in FINISHED)
"""The statuses of tickets that are worked on, or wait for it."""

_FIRST_DAY: Final = date(1970, 1, 2)
_LAST_DAY: Final = date(2099, 12, 31)

CREATED: Final = "created"
RESOLVED: Final = "resolved"
"""Columns of the search index: when a ticket was created, and when it was resolved last."""

VOLUME: Final = {
    "created": CREATED,
    "resolved": Moments.RESOLUTIONS,
    "closed": Moments.CLOSINGS,
    "reopened": Moments.REOPENINGS,
}
"""By the figures' names: in which column a moment of the period has to be."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long something took, for the tickets for which it ended in the period."""

    at: str
    """The column of the moment when it ended."""
    took: Duration
    is_response: bool
    """Whether its target is the one for responses."""


TIMINGS: Final = {
    "response": Timing(Moments.RESPONSE, Duration.UNTIL_RESPONSE, is_response=True),
    "firstResolution": Timing(Moments.FIRST_RESOLUTION, Duration.UNTIL_FIRST_RESOLUTION, is_response=False),
    "lastResolution": Timing(RESOLVED, Duration.UNTIL_LAST_RESOLUTION, is_response=False),
}


@dataclass(frozen=True, slots=True)
class Work:
    """What an agent has or did."""

    who: str
    """The column of the agent."""
    at: str | None
    """The column of the moment when it was done, which has to be in the period; None for what is there now."""
    took: Duration | None


WORK: Final = {
    "open": Work("assignee", None, None),
    "resolved": Work(People.RESOLVER, RESOLVED, Duration.UNTIL_LAST_RESOLUTION),
    "responses": Work(People.RESPONDER, Moments.RESPONSE, Duration.UNTIL_RESPONSE),
}

REOPENED: Final = {"reopened": (1, None), "reopenedOnce": (1, 2), "reopenedTwice": (2, 3), "reopenedMore": (3, None)}
"""By the figures' names: how often a ticket was reopened, from the first number until before the second."""

_DAY: Final = 24 * 60

AGES: Final = {
    "underOneDay": (0, _DAY),
    "oneToThreeDays": (_DAY, 3 * _DAY),
    "threeToSevenDays": (3 * _DAY, 7 * _DAY),
    "sevenToThirtyDays": (7 * _DAY, 30 * _DAY),
    "overThirtyDays": (30 * _DAY, None),
}
"""By the figures' names: how many minutes old an open ticket is, from the first number until before the second."""


@dataclass(frozen=True, slots=True)
class Span:
    """Days of a period, and the moments that they are between."""

    first: date
    last: date
    """Part of it."""
    start: int
    """In milliseconds since 1970."""
    end: int
    """The first millisecond after it."""


def problems(ask: Ask) -> Iterator[str]:
    """Yield what is wrong with a report as it is asked for."""
    if ask.first > ask.last:
        yield "from: is after to"
    elif ask.first < _FIRST_DAY or ask.last > _LAST_DAY:
        yield f"from: a period is between {_FIRST_DAY} and {_LAST_DAY}"
    elif (parts := sum(1 for _ in _starts(ask))) > (most := MOST_PARTS.get(len(ask.by), 0)) > 0:
        grouped = " that is grouped by two things" if len(ask.by) > 1 else ""
        yield f"interval: a period{grouped} has at most {most} parts, and this one {parts}"
    if len(ask.by) not in MOST_GROUPS:
        yield "by: tickets are grouped by two things at most"
    if len(set(ask.by)) < len(ask.by):
        yield "by: names the same twice"
    if ask.by and ask.report is ReportName.WORKLOAD:
        yield "by: this report is by agent, and by nothing else"


def spans(ask: Ask) -> Sequence[Span]:
    """Return the parts of a period: its days, or the weeks and months that its days are in, as far as they are."""
    starts = list(_starts(ask))
    ends = [*(start - timedelta(1) for start in starts[1:]), ask.last]
    return [span(first, last, ask.zone) for first, last in zip(starts, ends, strict=True)]


def span(first: date, last: date, zone: ZoneInfo) -> Span:
    """Return these days, from midnight to midnight in a zone."""
    return Span(first, last, _midnight(first, zone), _midnight(last + timedelta(1), zone))


def previous(ask: Ask) -> Ask:
    """Return the same report for as many days right before."""
    days = ask.last - ask.first + timedelta(1)
    return replace(ask, first=ask.first - days, last=ask.last - days)


def age(created_at: int, now: int) -> int:
    """Return how many whole minutes old a ticket is; both in milliseconds since 1970."""
    return max(minute_of(now - created_at), 0)


def place(count: int, percent: int) -> int:
    """Return which of so many values in ascending order, counted from 0, the percentile is."""
    return percent * (count - 1) // 100


def targets_of(ask: Ask, timing: Timing) -> Mapping[str, int]:
    """Return the targets that a timing is compared with, in minutes by priority."""
    return {
        priority.value: minutes
        for priority, minutes in (ask.targets.response if timing.is_response else ask.targets.resolution).items()
    }


def _starts(ask: Ask) -> Iterator[date]:
    day = ask.first
    while day <= ask.last:
        yield day
        match ask.interval:
            case Interval.DAY:
                day += timedelta(1)
            case Interval.WEEK:
                day += timedelta(7 - day.weekday())
            case Interval.MONTH:
                day = date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _midnight(day: date, zone: ZoneInfo) -> int:
    """Return the moment at which a date begins: where clocks skip midnight, the first moment after."""
    moment = datetime.combine(day, time(), zone)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
