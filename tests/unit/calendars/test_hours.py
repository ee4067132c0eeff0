"""Business time against a model that looks at the clock on the wall, minute by minute."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.size import sized
from ticketing.calendars.hours import HORIZON, Always, BusinessHours, whole_minutes
from ticketing.calendars.models import WeeklyHours

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # by half an hour
    "Africa/Casablanca",  # back for Ramadan
    "Asia/Kathmandu",  # from 5:30 to 5:45
    "Pacific/Apia",  # without the 30th of December 2011
    "America/St_Johns",  # a minute after midnight
    "Asia/Tehran",
    "America/Santiago",  # at midnight
    "America/Caracas",
    "UTC",
)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

type Hours = Sequence[tuple[int, int]]
"""Intervals in minutes since the start of Monday, past the end of the week, too; none overlap."""

DESK: Hours = [(1440 * day + start, 1440 * day + end) for day in range(5) for start, end in ((540, 750), (780, 1020))]
AROUND: Hours = [  # around the times when clocks change, past midnight, and a single minute
    *((1440 * day + 30, 1440 * day + 150) for day in range(7)),
    *((1440 * day + 155, 1440 * day + 156) for day in range(7)),
    *((1440 * day + 1320, 1440 * day + 1445) for day in range(7)),
]
HOLIDAYS = ("12-25", "02-29", "2011-12-31", "2026-03-29", "1999-10-31")


def business(zone: str, hours: Hours, holidays: Sequence[str] = ()) -> BusinessHours:
    """Return the hours as the API takes them, expanded."""
    names = list(WeeklyHours.model_fields)
    days: dict[str, list[dict[str, str]]] = {}
    for start, end in hours:
        times = {side: f"{minute // 60 % 24:02}:{minute % 60:02}" for side, minute in (("from", start), ("to", end))}
        days.setdefault(names[start // 1440], []).append(times)
    return BusinessHours(ZoneInfo(zone), WeeklyHours.model_validate(days).week, holidays)


class Wall:
    """The model: a minute is business time if the clock on the wall says so."""

    def __init__(self, zone: str, hours: Hours, holidays: Sequence[str] = ()) -> None:
        self._zone, self._holidays = ZoneInfo(zone), set(holidays)
        self._open = {minute % (7 * 1440) for start, end in hours for minute in range(start, end)}

    def is_open(self, moment: datetime) -> bool:
        shown = moment.astimezone(self._zone)
        day = f"{shown:%Y-%m-%d}"
        if day in self._holidays or day[5:] in self._holidays:
            return False
        return 1440 * shown.weekday() + 60 * shown.hour + shown.minute in self._open

    def passed(self, start: datetime, minutes: int) -> list[int]:
        """Return how many minutes of business time have passed after each minute since the start."""
        return list(accumulate((self.is_open(start + number * MINUTE) for number in range(minutes)), initial=0))


def changes(zone: str, first: int, last: int) -> list[datetime]:
    """Return the moments between these years when the zone's offset from UTC changes, to the minute."""
    place, found = ZoneInfo(zone), []
    days = [datetime(first, 1, 1, tzinfo=UTC) + number * DAY for number in range(366 * (last - first))]
    for before, after in pairwise(days):
        old, new = (moment.astimezone(place).utcoffset() for moment in (before, after))
        if old != new:
            is_new = [(before + minute * MINUTE).astimezone(place).utcoffset() != old for minute in range(1441)]
            found.append(before + is_new.index(True) * MINUTE)
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_around_every_change_of_clocks(zone: str) -> None:
    """Since 1972: before that, some clocks differed from UTC by seconds."""
    hours, wall = business(zone, AROUND, HOLIDAYS), Wall(zone, AROUND, HOLIDAYS)
    for change in changes(zone, *sized((1972, 2038), short=(2004, 2013))):
        start = change - 5 * HOUR
        passed = wall.passed(start, 600)
        for number in range(0, 601, 7):
            assert hours.between(start, start + number * MINUTE) == passed[number] * MINUTE, (zone, change, number)
        for wanted in range(1, passed[-1], 5):
            first = start + passed.index(wanted) * MINUTE
            assert hours.after(start, wanted * MINUTE) == first, (zone, change, wanted)


@pytest.mark.parametrize("start", ["2024-02-27", "2025-12-23", "2026-03-27", "2011-12-28", "2000-02-28"])
def test_over_leap_days_and_years(start: str) -> None:
    begin = datetime.fromisoformat(start).replace(tzinfo=UTC)
    for zone in ("Europe/Berlin", "Pacific/Apia"):
        hours, passed = business(zone, DESK, HOLIDAYS), Wall(zone, DESK, HOLIDAYS).passed(begin, 10_000)
        for number in range(0, 10_001, 499):
            assert hours.between(begin, begin + number * MINUTE) == passed[number] * MINUTE


def test_an_hour_that_clocks_skip_is_not_there_and_one_that_they_show_twice_counts_twice() -> None:
    hours = business("Europe/Berlin", [(6 * 1440 + 60, 6 * 1440 + 240)])  # on Sundays from 01:00 to 04:00
    days = {date(2026, 3, 22): 3, date(2026, 3, 29): 2, date(2026, 10, 18): 3, date(2026, 10, 25): 4}
    for day, count in days.items():
        start = datetime.combine(day, time(), UTC) - 3 * HOUR
        assert hours.between(start, start + DAY) == count * HOUR


def test_a_day_that_was_skipped() -> None:
    hours = business("Pacific/Apia", [(1440 * day + 540, 1440 * day + 1020) for day in range(7)])
    start = datetime(2011, 12, 29, 0, 0, tzinfo=ZoneInfo("Pacific/Apia"))
    assert hours.between(start, datetime(2012, 1, 1, 0, 0, tzinfo=ZoneInfo("Pacific/Apia"))) == 16 * HOUR


def test_a_holiday_is_from_midnight_to_midnight() -> None:
    night = [(1440 * day + 1320, 1440 * day + 1800) for day in range(7)]  # from 22:00 to 06:00
    plain, hours = business("Europe/Berlin", night), business("Europe/Berlin", night, ["2026-12-24", "12-31"])
    for day, missing in ((date(2026, 12, 24), 8), (date(2026, 12, 31), 8), (date(2026, 12, 25), 0)):
        start = datetime.combine(day, time(), ZoneInfo("Europe/Berlin"))
        assert plain.between(start, start + DAY) - hours.between(start, start + DAY) == missing * HOUR
    assert hours.between(datetime(2027, 12, 31, tzinfo=UTC), datetime(2027, 12, 31, 20, tzinfo=UTC)) == timedelta(0)


def test_a_leap_day_of_every_year_is_one_of_leap_years() -> None:
    hours = business("UTC", [(1440 * day, 1440 * day + 1440) for day in range(7)], ["02-29"])
    for year, days in ((2023, 365), (2024, 365), (2025, 365)):
        start, end = (datetime(each, 1, 1, tzinfo=UTC) for each in (year, year + 1))
        assert hours.between(start, end) == days * DAY


def test_the_first_moment_is_the_end_of_a_day_and_not_the_start_of_the_next() -> None:
    hours = business("UTC", DESK)
    friday = datetime(2026, 3, 27, 16, 0, tzinfo=UTC)
    assert hours.after(friday, HOUR) == datetime(2026, 3, 27, 17, 0, tzinfo=UTC)
    assert hours.after(friday, HOUR + timedelta(microseconds=1)) == datetime(2026, 3, 30, 9, 0, 0, 1, tzinfo=UTC)
    assert hours.after(friday, timedelta(0)) == friday
    saturday = friday + DAY
    assert (hours.after(saturday, timedelta(0)), hours.after(saturday, -HOUR)) == (saturday, saturday)


def test_time_is_exact_and_minutes_are_rounded_down() -> None:
    hours, start = business("UTC", DESK), datetime(2026, 3, 27, 16, 58, 30, 1, tzinfo=UTC)
    passed = hours.between(start, datetime(2026, 3, 30, 9, 0, 29, 999_999, tzinfo=UTC))
    assert passed == timedelta(minutes=1, seconds=59, microseconds=999_998)
    assert whole_minutes(passed) == 1
    assert whole_minutes(passed + timedelta(microseconds=2)) == 2


def test_nothing_lies_between_a_moment_and_an_earlier_one() -> None:
    end, start = datetime(2026, 3, 26, tzinfo=UTC), datetime(2026, 3, 27, tzinfo=UTC)
    for time_of in (Always(), business("UTC", DESK)):
        assert time_of.between(start, end) == time_of.between(start, start) == timedelta(0)


@pytest.mark.parametrize(
    "closed",
    [
        BusinessHours(UTC, [[]] * 7),
        BusinessHours(
            UTC, [[(540, 1020)], *[[]] * 6], [(date(2024, 1, 1) + n * DAY).isoformat()[5:] for n in range(366)]
        ),
    ],
    ids=["no hours", "all holidays"],
)
def test_a_calendar_without_any_business_time(closed: BusinessHours) -> None:
    start = datetime(2026, 3, 27, tzinfo=UTC)
    assert closed.between(start, start + 3000 * DAY) == timedelta(0)
    assert closed.after(start, MINUTE) is None
    assert closed.after(start, timedelta(0)) == start


def test_far_ahead_is_never() -> None:
    hours, start = business("UTC", [(540, 541)]), datetime(2026, 1, 1, tzinfo=UTC)  # a minute a week
    assert hours.after(start, 52 * (HORIZON - 1) * MINUTE) is not None
    assert hours.after(start, 54 * HORIZON * MINUTE) is None
    assert hours.after(datetime(9990, 1, 1, tzinfo=UTC), 1000 * MINUTE) is None
    assert Always().after(start, timedelta.max) is None


def test_moments_of_one_zone_are_told_apart_by_more_than_their_clocks() -> None:
    """Python compares and subtracts times of the same zone by what clocks show."""
    berlin = ZoneInfo("Europe/Berlin")
    start, end = datetime(2026, 10, 25, 2, 30, tzinfo=berlin), datetime(2026, 10, 25, 2, 0, fold=1, tzinfo=berlin)
    for time_of in (Always(), business("Europe/Berlin", [(6 * 1440, 7 * 1440)])):
        assert time_of.between(start, end) == HOUR / 2
        assert time_of.between(end, start) == timedelta(0)


def test_always_is_all_of_the_time() -> None:
    start = datetime(2026, 3, 29, 0, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert Always().between(start, datetime(2026, 3, 29, 5, 0, tzinfo=UTC)) == timedelta(hours=5, minutes=30)
    assert Always().after(start, DAY) == datetime(2026, 3, 29, 23, 30, tzinfo=UTC)
    assert Always().after(start, -DAY) == start


# --- Any calendar, any moments


@st.composite
def hours_of_a_week(draw: st.DrawFn) -> Hours:
    """Intervals that do not overlap, some into the next day, some into the next week."""
    ends = sorted(draw(st.sets(st.integers(0, 7 * 1440 - 1), min_size=2, max_size=12)))
    return [(start, min(end, start + 1439)) for start, end in list(pairwise([*ends, ends[0] + 7 * 1440]))[::2]]


MOMENTS = st.datetimes(datetime(1980, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis's way
DURATIONS = st.timedeltas(timedelta(0), timedelta(days=500))
CALENDARS = st.builds(
    business, st.sampled_from(ZONES), hours_of_a_week(), st.lists(st.sampled_from(HOLIDAYS), unique=True)
)


@given(CALENDARS, MOMENTS, DURATIONS, DURATIONS)
def test_time_adds_up(hours: BusinessHours, start: datetime, first: timedelta, second: timedelta) -> None:
    middle, end = start + first, start + first + second
    assert hours.between(start, middle) + hours.between(middle, end) == hours.between(start, end)


@given(CALENDARS, MOMENTS, st.timedeltas(timedelta(microseconds=1), timedelta(days=40)))
def test_the_moment_after_is_the_first_one(hours: BusinessHours, start: datetime, duration: timedelta) -> None:
    moment = hours.after(start, duration)
    if moment is None:
        assert hours.between(start, start + 365 * HORIZON * DAY) < duration
    else:
        assert hours.between(start, moment) == duration
        assert hours.between(start, moment - timedelta(microseconds=1)) < duration


@given(st.sampled_from(ZONES), hours_of_a_week(), st.lists(st.sampled_from(HOLIDAYS)), MOMENTS, st.integers(0, 2000))
def test_any_hours_are_what_the_clock_shows(
    zone: str, week: Hours, holidays: list[str], start: datetime, minutes: int
) -> None:
    start = start.replace(second=0, microsecond=0)
    counted = Wall(zone, week, holidays).passed(start, minutes)[-1]
    assert business(zone, week, holidays).between(start, start + minutes * MINUTE) == counted * MINUTE
