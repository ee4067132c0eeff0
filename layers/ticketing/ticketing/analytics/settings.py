"""What a tenant has set that reports depend on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ticketing.calendars.repository import CalendarRepository
from ticketing.dynamodb.attributes import from_item
from ticketing.dynamodb.damage import Item, read_one
from ticketing.people.repository import People
from ticketing.search.business import calendar_of
from ticketing.users.tenant_models import Targets, TenantSettings

if TYPE_CHECKING:
    from ticketing.aws.data import TenantData
    from ticketing.search.facts import Calendar


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """The settings of one tenant."""

    calendar: Calendar
    """In its zone days begin; by its hours is business time."""
    targets: Targets


def settings_of(data: TenantData) -> ReportSettings:
    """Return a tenant's settings for reports: two reads.

    Raises
    ------
    DamagedItemError
        They can't be read.
    """
    settings = read_one(People(data).settings(), _settings)
    default = CalendarRepository(data).read().default
    return ReportSettings(calendar_of(settings.time_zone, default), settings.targets)


def _settings(item: Item) -> TenantSettings:
    return TenantSettings.model_validate(from_item(item))
