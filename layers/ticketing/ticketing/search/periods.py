"""What a date stands for: from which moment to which, in the tenant's time zone.

Everything that somebody can write is a period: 2026 a year, 2026-03 a month, 2026-03-29 a day from midnight to midnight
however long it is, 2026-03-29T10:30 a minute. `-7d`, `-2w` and `-3h` are moments. A moment is a number: milliseconds
since 1970.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_YEARS: Final = range(1970, 3000)

_DATE: Final = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:[T ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|[+-]\d\d:?[0-5]\d)?)?)?)?",
    re.ASCII | re.IGNORECASE,
)
_AGO: Final = re.compile(r"-(\d{1,4})([hdw])", re.ASCII | re.IGNORECASE)
_DAYS_AGO: Final = {"today": 0, "yesterday": 1}

FORMS: Final = "2026, 2026-03, 2026-03-29, 2026-03-29T10:30, today, yesterday, -3h, -7d or -2w"


@dataclass(frozen=True, slots=True)
class Period:
    """A time from its first millisecond until before `end`; of a moment, both are the same."""

    start: int
    end: int


class NoDateError(Exception):
    """A text is no date. The message says why."""


def milliseconds(moment: datetime) -> int:
    """Return a moment (with a time zone) as milliseconds since 1970; an earlier one as 0."""
    return max((moment - _EPOCH) // _MILLISECOND, 0)


def period_of(text: str, zone: ZoneInfo, now: datetime) -> Period:
    """Return what a text stands for.

    A day begins when its date begins in the zone: where clocks are put forward at midnight, at 1:00. A time that clocks
    show twice is from the first time until after the second.

    Raises
    ------
    NoDateError
        It is no date, or there is no such day or time.
    """
    if text.lower() in _DAYS_AGO:
        return _day(now.astimezone(zone).date() - timedelta(_DAYS_AGO[text.lower()]), zone)
    if ago := _AGO.fullmatch(text):
        moment = milliseconds(_before(now, int(ago[1]), ago[2].lower(), zone))
        return Period(moment, moment)
    parts = _DATE.fullmatch(text)
    if parts is None:
        message = f"is no date such as {FORMS}"
        raise NoDateError(message)
    if int(parts["year"]) not in _YEARS:
        message = f"is not between {_YEARS[0]} and {_YEARS[-1]}"
        raise NoDateError(message)
    try:
        return _written(parts, zone)
    except ValueError:
        message = "does not exist: no such month, day or time"
        raise NoDateError(message) from None


def _before(now: datetime, count: int, unit: str, zone: ZoneInfo) -> datetime:
    """Return the moment so many hours ago; days and weeks ago, the one when clocks showed the same time."""
    if unit == "h":
        return now - timedelta(hours=count)
    days = timedelta(count) if unit == "d" else timedelta(weeks=count)
    # Within one time zone, Python calculates with what clocks show.
    return (now.astimezone(zone) - days).astimezone(UTC)


def _written(parts: re.Match[str], zone: ZoneInfo) -> Period:
    """Return the period that the parts of a date stand for, or raise ValueError."""
    year, month, day = int(parts["year"]), int(parts["month"] or 1), int(parts["day"] or 1)
    if parts["hour"]:
        return _time(parts, datetime(year, month, day, int(parts["hour"]), int(parts["minute"]), tzinfo=zone))
    first = date(year, month, day)
    if parts["day"]:
        return _day(first, zone)
    following = date(year + month // 12, month % 12 + 1, 1) if parts["month"] else date(year + 1, 1, 1)
    return Period(_midnight(first, zone), _midnight(following, zone))


def _time(parts: re.Match[str], minute: datetime) -> Period:
    """Return the period of a time: a minute, a second or a millisecond."""
    length, start = timedelta(minutes=1), minute.replace(tzinfo=_offset(parts["zone"]) or minute.tzinfo)
    if parts["second"]:
        length, start = timedelta(seconds=1), start.replace(second=int(parts["second"]))
    if parts["fraction"]:
        length, start = _MILLISECOND, start.replace(microsecond=int(f"{parts['fraction']:0<3}"[:3]) * 1000)
    last = max(start.astimezone(UTC), start.replace(fold=1).astimezone(UTC))
    return Period(milliseconds(start), milliseconds(last + length))


def _offset(text: str | None) -> tzinfo | None:
    """Return the zone of `Z`, `+01:00` or `-0330`; None: none is written."""
    if text is None:
        return None
    if text in "Zz":
        return UTC
    sign, hours, minutes = (-1 if text[0] == "-" else 1), int(text[1:3]), int(text[-2:])
    return timezone(sign * timedelta(hours=hours, minutes=minutes))


def _day(day: date, zone: ZoneInfo) -> Period:
    return Period(_midnight(day, zone), _midnight(day + timedelta(1), zone))


def _midnight(day: date, zone: ZoneInfo) -> int:
    return milliseconds(datetime(day.year, day.month, day.day, tzinfo=zone))
