"""Rules: which calendars a tenant may have together, and what is business time by one. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ticketing.calendars.errors import (
    CalendarIsDefaultError,
    CalendarNameTakenError,
    CalendarNotFoundError,
    TooManyCalendarsError,
)
from ticketing.calendars.hours import Always, BusinessHours, BusinessTime
from ticketing.calendars.models import MOST_BYTES, MOST_CALENDARS, Calendar
from ticketing.errors import PayloadTooLargeError, PreconditionFailedError
from ticketing.text import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def business_time(calendar: Calendar | None) -> BusinessTime:
    """Return what counts as business time by a calendar; without one, every moment does."""
    if calendar is None:
        return Always()
    holidays = [holiday.date for holiday in calendar.holidays]
    return BusinessHours(ZoneInfo(calendar.time_zone), calendar.hours.week, holidays)


def find(calendars: Iterable[Calendar], calendar_id: str, expected_version: int | None = None) -> Calendar:
    """Return one of the calendars, if it is in the expected version.

    Raises
    ------
    CalendarNotFoundError, PreconditionFailedError
        Looked at in this order.
    """
    calendar = next((each for each in calendars if each.id == calendar_id), None)
    if calendar is None:
        raise CalendarNotFoundError
    if expected_version is not None and calendar.version != expected_version:
        raise PreconditionFailedError
    return calendar


def with_calendar(calendars: Sequence[Calendar], calendar: Calendar) -> list[Calendar]:
    """Return the calendars with one that is new or has changed, by name. If it is the default, no other one is.

    Raises
    ------
    CalendarNameTakenError, TooManyCalendarsError, PayloadTooLargeError
        Another one has the name; there are as many as may be; it is too large.
    """
    others = [each for each in calendars if each.id != calendar.id]
    if any(folded(each.name) == folded(calendar.name) for each in others):
        raise CalendarNameTakenError
    if len(others) >= MOST_CALENDARS:
        message = f"A tenant has {MOST_CALENDARS} calendars at most. Delete one that is not needed."
        raise TooManyCalendarsError(message)
    if len(calendar.model_dump_json(by_alias=True).encode()) > MOST_BYTES:
        message = (
            f"The calendar is too large: as JSON, it may have {MOST_BYTES} bytes. Leave out holidays that have passed."
        )
        raise PayloadTooLargeError(message)
    if calendar.default:
        others = [_no_default(each, calendar.updated_at) if each.default else each for each in others]
    return sorted([*others, calendar], key=lambda each: (folded(each.name), each.id))


def _no_default(calendar: Calendar, now: str) -> Calendar:
    return calendar.model_copy(update={"default": False, "version": calendar.version + 1, "updated_at": now})


def without_calendar(calendars: Iterable[Calendar], calendar: Calendar) -> list[Calendar]:
    """Return the calendars without one.

    Raises
    ------
    CalendarIsDefaultError
        It is the default: reports and clocks would silently go on by another one.
    """
    if calendar.default:
        raise CalendarIsDefaultError
    return [each for each in calendars if each.id != calendar.id]
