"""The operations on calendars: creating, changing, deleting and presenting them."""

from typing import Any

from ticketing import clock, ids
from ticketing.access.identity import Caller
from ticketing.access.permissions import Operation
from ticketing.aws.data import of_caller
from ticketing.calendars.audited import calendar_changed
from ticketing.calendars.models import Calendar, CalendarCreate, CalendarUpdate
from ticketing.calendars.repository import CalendarRepository
from ticketing.calendars.rules import find, with_calendar, without_calendar
from ticketing.dynamodb.transactions import until_written
from ticketing.people.repository import People


def presented(calendar: Calendar) -> dict[str, Any]:
    """Return the calendar as the contract shows it."""
    return calendar.model_dump(mode="json", by_alias=True)


def create_calendar(caller: Caller, body: CalendarCreate) -> Calendar:
    """Create a calendar and return it. Without a time zone in the body, it has the one that is the tenant's now.

    Raises
    ------
    CalendarNameTakenError, TooManyCalendarsError, PayloadTooLargeError, TenantNotFoundError, ConflictError
        See `with_calendar`; the tenant is being deleted; the race was lost every time.
    """
    data, now = of_caller(caller), clock.timestamp(clock.now())
    calendars = CalendarRepository(data)
    named = body.model_dump(exclude_unset=True, include={"time_zone"}) or {"time_zone": People(data).time_zone()}
    calendar = Calendar(
        id=ids.new_id(),
        name=body.name,
        time_zone=named["time_zone"],
        hours=body.hours,
        holidays=body.holidays,
        default=body.default,
        version=1,
        created_at=now,
        updated_at=now,
    )
    record = calendar_changed(Operation.CREATE_CALENDAR, caller, None, calendar)

    def attempt() -> None:
        before = calendars.read()
        calendars.write(before, with_calendar(before.calendars, calendar), alongside=[record])

    until_written(attempt)
    return calendar


def edit_calendar(caller: Caller, calendar_id: str, body: CalendarUpdate, expected_version: int | None) -> Calendar:
    """Change a calendar and return it; values that are the same already are no change.

    Raises
    ------
    CalendarNotFoundError, PreconditionFailedError, CalendarNameTakenError, PayloadTooLargeError, ConflictError
        Looked at in this order; the race was lost every time.
    """
    calendars = CalendarRepository(of_caller(caller))
    wanted = {name: getattr(body, name) for name in body.model_fields_set}

    def attempt() -> Calendar:
        before = calendars.read()
        old = find(before.calendars, calendar_id, expected_version)
        new = old.model_copy(update=wanted)
        if new == old:
            return old
        new = new.model_copy(update={"version": old.version + 1, "updated_at": clock.timestamp(clock.now())})
        record = calendar_changed(Operation.UPDATE_CALENDAR, caller, old, new)
        calendars.write(before, with_calendar(before.calendars, new), alongside=[record])
        return new

    return until_written(attempt)


def delete_calendar(caller: Caller, calendar_id: str, expected_version: int | None) -> None:
    """Delete a calendar.

    Raises
    ------
    CalendarNotFoundError, PreconditionFailedError, CalendarIsDefaultError, ConflictError
        Looked at in this order; the race was lost every time.
    """
    calendars = CalendarRepository(of_caller(caller))

    def attempt() -> None:
        before = calendars.read()
        calendar = find(before.calendars, calendar_id, expected_version)
        record = calendar_changed(Operation.DELETE_CALENDAR, caller, calendar, None)
        calendars.write(before, without_calendar(before.calendars, calendar), alongside=[record])

    until_written(attempt)
