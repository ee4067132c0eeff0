"""Calendars, and the bodies that callers send about them, as pydantic models."""

import re
from datetime import date
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from ticketing.api.bodies import Body, Model, Update, absent
from ticketing.calendars.hours import Week
from ticketing.users.models import Flag, Name, TimeZone

MOST_CALENDARS: Final = 20
"""How many calendars a tenant may have."""

MOST_INTERVALS: Final = 10
"""How many intervals a weekday may have."""

MOST_HOLIDAYS: Final = 200
"""How many holidays a calendar may have."""

MOST_BYTES: Final = 16 * 1024
"""How large a calendar may be, as JSON in UTF-8. As many as a tenant may have fit into one item of DynamoDB."""

_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_DATE: Final = re.compile(r"([0-9]{4}-)?[0-9]{2}-[0-9]{2}")

_DAY: Final = 24 * 60
_WEEK: Final = 7 * _DAY


def _time(text: str) -> str:
    if text == "24:00":
        message = "24:00 is written 00:00, which as the end of an interval is the end of the day"
        raise ValueError(message)
    if not _TIME.fullmatch(text):
        message = "must be a time from 00:00 to 23:59, such as 09:30"
        raise ValueError(message)
    return text


def _day(text: str) -> str:
    if not _DATE.fullmatch(text):
        message = "must be a date, such as 2026-12-24, or 12-24 for that day of every year"
        raise ValueError(message)
    try:
        date.fromisoformat(text if len(text) > len("12-24") else f"2000-{text}")  # a leap year
    except ValueError as error:
        message = "there is no such day"
        raise ValueError(message) from error
    return text


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return 60 * int(hours) + int(minutes)


class Interval(Body):
    """Hours of a weekday. An end that is not after the start is on the next day; 00:00 is the midnight between them."""

    start: Annotated[str, AfterValidator(_time)] = Field(alias="from")
    end: Annotated[str, AfterValidator(_time)] = Field(alias="to")

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.start == self.end != "00:00":
            message = "from and to are the same; the whole day is from 00:00 to 00:00"
            raise ValueError(message)
        return self

    def __str__(self) -> str:
        return f"{self.start} to {self.end}"

    @property
    def minutes(self) -> tuple[int, int]:
        """Return where it starts and ends, in minutes since the midnight before its start."""
        start, end = _minutes(self.start), _minutes(self.end)
        return start, end if end > start else end + _DAY


def _in_order(intervals: list[Interval]) -> list[Interval]:
    return sorted(intervals, key=lambda interval: interval.minutes)


Intervals = Annotated[list[Interval], Field(max_length=MOST_INTERVALS), AfterValidator(_in_order)]


class WeeklyHours(Body):
    """The hours of each weekday. A day that is left out, or has no intervals, is closed."""

    monday: Intervals = []
    tuesday: Intervals = []
    wednesday: Intervals = []
    thursday: Intervals = []
    friday: Intervals = []
    saturday: Intervals = []
    sunday: Intervals = []

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """Refuse intervals that overlap, those of the next day too, and a week without any."""
        found = [
            (number * _DAY + start, number * _DAY + end, f"{day} {interval}")
            for number, (day, intervals) in enumerate(self)
            for interval in intervals
            for start, end in [interval.minutes]
        ]
        if not found:
            message = "at least one day needs an interval"
            raise ValueError(message)
        first, _, name = found[0]
        following = [*found[1:], (first + _WEEK, 0, name)]
        overlaps = [
            f"{one} and {other}"
            for (_, end, one), (start, _, other) in zip(found, following, strict=True)
            if start < end
        ]
        if overlaps:
            message = f"intervals overlap: {', '.join(overlaps)}"
            raise ValueError(message)
        return self

    @property
    def week(self) -> Week:
        """Return the hours as `BusinessHours` takes them: what is past midnight is the next day's."""
        days: list[list[tuple[int, int]]] = [[] for _ in range(7)]
        for number, (_, intervals) in enumerate(self):
            for start, end in (interval.minutes for interval in intervals):
                days[number].append((start, min(end, _DAY)))
                if end > _DAY:
                    days[(number + 1) % 7].insert(0, (0, end - _DAY))
        return days


class Holiday(Body):
    """A day without hours: a date, or a day of every year (02-29 of leap years)."""

    date: Annotated[str, AfterValidator(_day)]
    name: Name


def _each_once(holidays: list[Holiday]) -> list[Holiday]:
    dates = [holiday.date for holiday in holidays]
    if twice := sorted({each for each in dates if dates.count(each) > 1}):
        message = f"there is more than one holiday on {', '.join(twice)}"
        raise ValueError(message)
    return holidays


Holidays = Annotated[list[Holiday], Field(max_length=MOST_HOLIDAYS), AfterValidator(_each_once)]


class CalendarCreate(Body):
    """The body of createCalendar; without a time zone, the tenant's applies."""

    name: Name
    time_zone: TimeZone = absent()
    hours: WeeklyHours
    holidays: Holidays = []
    default: Flag = False


class CalendarUpdate(Update):
    """The body of updateCalendar."""

    name: Name = absent()
    time_zone: TimeZone = absent()
    hours: WeeklyHours = absent()
    holidays: Holidays = absent()
    default: Flag = absent()


class Calendar(Model):
    """A calendar as stored. Times are RFC 3339 texts in UTC."""

    id: str
    name: str
    time_zone: str
    hours: WeeklyHours
    holidays: list[Holiday]
    default: bool
    version: int
    created_at: str
    updated_at: str


class CalendarSet(Model):
    """All calendars of a tenant, by name: at most one is its default. A set that was never written has version 0."""

    version: int = 0
    calendars: list[Calendar] = []

    @property
    def default(self) -> Calendar | None:
        """Return the tenant's default, or None if it has none: then every moment is business time."""
        return next((calendar for calendar in self.calendars if calendar.default), None)
