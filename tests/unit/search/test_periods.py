"""Periods: what a date stands for, where clocks change above all."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ticketing.search.periods import NoDateError, Period, milliseconds, period_of

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 31, 10, 15, 30, 250_000, tzinfo=UTC)

# Clocks change at 2:00, at midnight (forward and back), by half an hour, by a whole day, and never.
ZONES = (
    "Europe/Berlin",
    "America/Sao_Paulo",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Asia/Kolkata",
    "UTC",
)


def at(text: str) -> int:
    return milliseconds(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", "2026-01-01T00:00+01:00", "2027-01-01T00:00+01:00"),
        ("2026-12", "2026-12-01T00:00+01:00", "2027-01-01T00:00+01:00"),
        ("2026-03", "2026-03-01T00:00+01:00", "2026-04-01T00:00+02:00"),
        ("2026-03-29", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),  # of 23 hours
        ("2026-10-25", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),  # of 25 hours
        ("2026-03-28T10:30", "2026-03-28T10:30+01:00", "2026-03-28T10:31+01:00"),
        ("2026-03-28 10:30", "2026-03-28T10:30+01:00", "2026-03-28T10:31+01:00"),
        ("2026-03-28t10:30:59", "2026-03-28T10:30:59+01:00", "2026-03-28T10:31+01:00"),
        ("2026-03-28T10:30:59.5", "2026-03-28T10:30:59.500+01:00", "2026-03-28T10:30:59.501+01:00"),
        ("2026-03-28T10:30:59.123456Z", "2026-03-28T10:30:59.123Z", "2026-03-28T10:30:59.124Z"),
        ("2026-03-28T10:30-0330", "2026-03-28T14:00Z", "2026-03-28T14:01Z"),
        ("2026-10-25T02:30", "2026-10-25T02:30+02:00", "2026-10-25T02:31+01:00"),  # both times
        ("2026-03-29T02:30", "2026-03-29T02:30+01:00", "2026-03-29T02:31+01:00"),  # neither: as if clocks stood
        ("today", "2026-03-31T00:00+02:00", "2026-04-01T00:00+02:00"),
        ("Yesterday", "2026-03-30T00:00+02:00", "2026-03-31T00:00+02:00"),
        ("-3h", "2026-03-31T07:15:30.250Z", "2026-03-31T07:15:30.250Z"),
        ("-72h", "2026-03-28T10:15:30.250Z", "2026-03-28T10:15:30.250Z"),
        ("-3d", "2026-03-28T12:15:30.250+01:00", "2026-03-28T12:15:30.250+01:00"),  # the same time on clocks
        ("-2W", "2026-03-17T12:15:30.250+01:00", "2026-03-17T12:15:30.250+01:00"),
        ("1970", "1970-01-01T00:00Z", "1971-01-01T00:00+01:00"),
        ("-9999w", "1970-01-01T00:00Z", "1970-01-01T00:00Z"),
    ],
)
@pytest.mark.each
def test_what_a_date_stands_for(text: str, start: str, end: str) -> None:
    assert period_of(text, BERLIN, NOW) == Period(at(start), at(end))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-02-30", "does not exist"),
        ("2026-13", "does not exist"),
        ("2026-00", "does not exist"),
        ("2026-03-29T24:00", "does not exist"),
        ("2026-03-29T10:30:60", "does not exist"),
        ("2026-03-29T10:30+24:00", "does not exist"),
        ("1969", "is not between 1970 and 2999"),
        ("9999-12-31", "is not between"),
        ("0000", "is not between"),
        ("29.3.2026", "is no date"),
        ("3/29/2026", "is no date"),
        ("2026-3-29", "is no date"),
        ("20260329", "is no date"),
        ("2026-03-29T10", "is no date"),
        ("٢٠٢٦", "is no date"),
        ("2026-03-29\n", "is no date"),
        ("7d", "is no date"),
        ("-7", "is no date"),
        ("-7m", "is no date"),
        ("-10000d", "is no date"),
        ("tomorrow", "is no date"),
        ("", "is no date"),
    ],
)
@pytest.mark.each
def test_what_is_no_date(text: str, why: str) -> None:
    with pytest.raises(NoDateError, match=why):
        period_of(text, BERLIN, NOW)


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.each
def test_days_follow_each_other_without_gaps(name: str) -> None:
    days = [date(2009, 1, 1) + timedelta(number) for number in range(366 * 5)]
    periods = [period_of(day.isoformat(), ZoneInfo(name), NOW) for day in days]
    assert all(one.end == other.start for one, other in pairwise(periods))
    assert {period.end - period.start for period in periods} <= {
        halves * 1_800_000 for halves in (0, 46, 47, 48, 49, 50)
    }


@given(
    st.datetimes(datetime(2005, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis's way
    st.sampled_from(ZONES),
)
@example(datetime(2018, 11, 4, 3, 0, tzinfo=UTC), "America/Sao_Paulo")
@example(datetime(2011, 12, 30, 10, 0, tzinfo=UTC), "Pacific/Apia")
def test_every_moment_is_in_its_day_its_month_and_its_minute(moment: datetime, name: str) -> None:
    zone, when = ZoneInfo(name), milliseconds(moment)
    local = moment.astimezone(zone)
    for form in ("%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"):
        period = period_of(local.strftime(form), zone, NOW)
        assert period.start <= when < period.end
    today = period_of("today", zone, moment)
    assert today.start <= when < today.end
    assert today == period_of(local.strftime("%Y-%m-%d"), zone, NOW)
