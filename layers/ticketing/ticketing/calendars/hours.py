"""Business time: how much of it lies between two moments, and when so much of it will have passed. Pure functions.

A moment is business time if the clocks in the calendar's time zone show a time of its hours then, on a day that is no
holiday. So an hour that clocks skip is not there, and one that they show twice counts twice. Everything is exact, to
the microsecond; `whole_minutes` rounds.

The hours are expanded once for each year (of UTC) that is asked about: some 300 spans, in about 2 ms. A question is
then two binary searches, whatever lies between the moments.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import tzinfo

type Span = tuple[int, int]
"""A part of a day, in minutes since midnight: where it starts, from 0, and where it ends, up to 1440."""

type Week = Sequence[Sequence[Span]]
"""The parts of the seven weekdays, Monday first. The parts of a day are in order and do not overlap."""

HORIZON: Final = 100
"""How many years `BusinessHours.after` looks ahead."""

_NOTHING: Final = timedelta(0)
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_MINUTE: Final = timedelta(minutes=1)


def whole_minutes(duration: timedelta) -> int:
    """Return a duration in whole minutes, rounded down: a minute counts when it has passed."""
    return duration // _MINUTE


class BusinessTime(Protocol):
    """What counts as business time. Moments are datetimes with a time zone, whichever."""

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Return the business time between two moments; none if the end is not after the start."""

    def after(self, start: datetime, duration: timedelta) -> datetime | None:
        """Return the first moment (in UTC) at which so much business time has passed since the start.

        That is the end of a business day, not the start of the next, if the time is up then; and the start itself if
        the duration is not positive. None if it is never, or too far ahead.
        """


class Always:
    """Every moment is business time: for tenants without a calendar."""

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Return the time between two moments; none if the end is not after the start."""
        return max(end.astimezone(UTC) - start.astimezone(UTC), _NOTHING)

    def after(self, start: datetime, duration: timedelta) -> datetime | None:
        """Return the moment when so much time has passed; None if no calendar goes so far."""
        try:
            return start.astimezone(UTC) + max(duration, _NOTHING)
        except OverflowError:
            return None


class BusinessHours:
    """The hours of a calendar.

    Parameters
    ----------
    zone
        The time zone of the hours and holidays.
    week
        The hours; a day without any is closed.
    holidays
        The days without hours, from midnight to midnight: `2026-12-24`, or `12-25` for that day of every year.
    """

    def __init__(self, zone: tzinfo, week: Week, holidays: Collection[str] = ()) -> None:
        self._zone = zone
        self._week = week
        self._holidays = frozenset(holidays)
        self._years: dict[int, _Year] = {}

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Return the business time between two moments; none if the end is not after the start."""
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        if end <= start:
            return _NOTHING
        if start.year == end.year:
            year = self._year(start.year)
            return year.until(end) - year.until(start)
        years = (self._year(each).total for each in range(start.year, end.year))
        return sum(years, self._year(end.year).until(end)) - self._year(start.year).until(start)

    def after(self, start: datetime, duration: timedelta) -> datetime | None:
        """Return the first moment (in UTC) at which so much business time has passed since the start.

        None if it is more than HORIZON years ahead, as it is for a calendar without hours.
        """
        start = start.astimezone(UTC)
        if duration <= _NOTHING:
            return start
        if not any(self._week):
            return None
        left = self._year(start.year).until(start) + duration
        for number in range(start.year, min(start.year + HORIZON + 1, MAXYEAR)):
            year = self._year(number)
            if left <= year.total:
                return year.moment(left)
            left -= year.total
        return None

    def _year(self, number: int) -> _Year:
        year = self._years.get(number)
        if year is None:
            year = self._years[number] = _Year.of(self._spans(number))
        return year

    def _spans(self, year: int) -> Iterator[tuple[datetime, datetime]]:
        """Yield the spans of business time in a year of UTC, in order.

        What clocks show is a datetime in "UTC" here, too: it is the moment, moved by the offset.
        """
        for start, end, offset in _offsets(self._zone, year):
            first, last = start + offset, end + offset
            for number in range(first.toordinal(), last.toordinal() + 1):
                day = date.fromordinal(number)
                midnight = datetime.combine(day, time(), UTC)
                for opens, closes in self._hours_of(day):
                    shown_first = max(midnight + opens * _MINUTE, first)
                    shown_last = min(midnight + closes * _MINUTE, last)
                    if shown_first < shown_last:
                        yield shown_first - offset, shown_last - offset

    def _hours_of(self, day: date) -> Sequence[Span]:
        text = day.isoformat()
        return () if text in self._holidays or text[5:] in self._holidays else self._week[day.weekday()]


@dataclass(frozen=True, slots=True)
class _Year:
    """A year's spans of business time, in order: where each starts and ends, and how much time was before it."""

    starts: list[datetime]
    ends: list[datetime]
    before: list[timedelta]
    total: timedelta

    @classmethod
    def of(cls, spans: Iterator[tuple[datetime, datetime]]) -> _Year:
        """Return the year with these spans. Those that touch become one."""
        starts: list[datetime] = []
        ends: list[datetime] = []
        for start, end in spans:
            if ends and ends[-1] == start:
                ends[-1] = end
            else:
                starts.append(start)
                ends.append(end)
        before, total = [], _NOTHING
        for start, end in zip(starts, ends, strict=True):
            before.append(total)
            total += end - start
        return cls(starts, ends, before, total)

    def until(self, moment: datetime) -> timedelta:
        """Return the business time from the start of the year to a moment in it."""
        span = bisect_right(self.starts, moment) - 1
        if span < 0:
            return _NOTHING
        return self.before[span] + (min(moment, self.ends[span]) - self.starts[span])

    def moment(self, passed: timedelta) -> datetime:
        """Return the first moment at which so much business time of the year has passed: more than none."""
        span = bisect_left(self.before, passed) - 1
        return self.starts[span] + (passed - self.before[span])


def _offsets(zone: tzinfo, year: int) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Yield the parts of a year of UTC in which clocks have one offset from UTC: start, end, offset.

    A day is looked into if it does not end with the offset that it starts with.
    """
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    offset_at = partial(_offset, zone)
    moment, offset = start, offset_at(start)
    while moment < end:
        following = min(moment + _DAY, end)
        if offset_at(following) != offset:
            seconds = range((following - moment) // _SECOND)
            changed = partial(_differs, offset_at, moment, offset)
            following = moment + _SECOND * bisect_left(seconds, x=True, key=changed)
            yield start, following, offset
            start, offset = following, offset_at(following)
        moment = following
    if start < end:
        yield start, end, offset


def _differs(offset_at: Callable[[datetime], timedelta], start: datetime, offset: timedelta, seconds: int) -> bool:
    return offset_at(start + _SECOND * seconds) != offset


def _offset(zone: tzinfo, moment: datetime) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None  # noqa: S101 - a time in a zone has one
    return offset
