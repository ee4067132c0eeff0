"""Which calendar facts are computed with: the tenant's default, in the zone of the tenant's settings."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ticketing.calendars.repository import CalendarRepository
from ticketing.calendars.rules import business_time
from ticketing.errors import DamagedItemError
from ticketing.people.repository import People
from ticketing.search.facts import Calendar

if TYPE_CHECKING:
    from ticketing.aws.data import TenantData
    from ticketing.calendars import models


def read_calendar(data: TenantData) -> Calendar:
    """Return what a tenant's facts are computed with now: two consistent reads.

    Calendars that can't be read, which was reported, are as good as none: searches find tickets nevertheless. Mended,
    they are another version, and the facts are computed again.
    """
    time_zone = People(data).time_zone(consistent=True)
    try:
        default = CalendarRepository(data).read().default
    except DamagedItemError:
        default = None
    return calendar_of(time_zone, default)


def calendar_of(time_zone: str, default: models.Calendar | None) -> Calendar:
    """Return what facts are computed with. Its version is another one only if facts may be: not by another name."""
    zone = ZoneInfo(time_zone)
    if default is None:
        return Calendar.always(zone)
    holidays = sorted(holiday.date for holiday in default.holidays)
    told = json.dumps([time_zone, default.time_zone, default.hours.week, holidays])
    return Calendar(zone, business_time(default), hashlib.sha256(told.encode()).hexdigest()[:32])
