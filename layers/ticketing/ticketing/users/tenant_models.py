"""Tenants, their settings, the receipts of their deletion, and the bodies that callers send, as pydantic models."""

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from ticketing.api.bodies import (
    Body,
    Model,
    Update,
    absent,
)
from ticketing.tickets.kinds import Priority
from ticketing.users.models import Name, TimeZone
from ticketing.users.states import DeletionState, TenantState, WhoMayCreate

MOST_DOMAINS: Final = 50

_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")


def _domain(text: str) -> str:
    """Return a domain name in lower case, as the part of an e-mail address after the `@` is compared."""
    domain = text.strip().lower()
    if not _DOMAIN.fullmatch(domain):
        message = "must be a domain name, such as example.com"
        raise ValueError(message)
    return domain


def _each_once(domains: list[str]) -> list[str]:
    return list(dict.fromkeys(domains))


Domains = Annotated[
    list[Annotated[str, AfterValidator(_domain)]], Field(max_length=MOST_DOMAINS), AfterValidator(_each_once)
]
Days = Annotated[int, Field(strict=True, ge=1, le=365)]
Minutes = Annotated[int, Field(strict=True, ge=1, le=366 * 24 * 60)]


class Targets(Body):
    """Within how many minutes tickets are to be responded to and resolved, by priority; a priority may have none."""

    clock: Literal["business", "elapsed"] = "business"
    """Which minutes they are: those of the default calendar's hours, or all."""
    response: dict[Priority, Minutes] = {}
    resolution: dict[Priority, Minutes] = {}


class TenantSettings(Model):
    """The settings of a tenant, which its admins change.

    An empty list of domains allows all. Resolved tickets are closed after `auto_close_days`; None means never. In
    `time_zone` are the dates of searches and the days of reports. Tenants that have not set one, or were founded before
    it was there, have UTC.
    """

    default_priority: Priority = Priority.MEDIUM
    who_may_create: WhoMayCreate = WhoMayCreate.EVERYBODY
    allowed_email_domains: list[str] = []
    auto_close_days: int | None = None
    time_zone: str = "UTC"
    targets: Targets = Targets()


class Tenant(Model):
    """A tenant as stored, without the item's keys. Times are RFC 3339 texts in UTC with milliseconds.

    `admins` counts the active people who are admins, `invitations` what was sent on the day `invited_on`. `task_key` is
    `PENDING` while API Gateway or Cognito has to be updated.
    """

    id: str
    name: str
    state: TenantState
    settings: TenantSettings
    admins: int
    founded_by_id: str
    invited_on: str | None = None
    invitations: int | None = None
    version: int
    created_at: str
    updated_at: str
    task_key: str | None = None
    task_since: str | None = None


class TenantDeletion(Model):
    """The receipt of a deletion: all that is left of a tenant. The counts are lower bounds of what was deleted.

    `task_since` is the time of the last progress, while the deletion runs.
    """

    tenant_id: str
    tenant_name: str
    requested_by_id: str
    state: DeletionState
    started_at: str
    finished_at: str | None = None
    tickets: int = 0
    events: int = 0
    users: int = 0
    api_keys: int = 0
    task_key: str | None = None
    task_since: str | None = None


class TenantCreate(Body):
    """The body of createTenant."""

    name: Name
    admin_name: Name = absent()


class SettingsUpdate(Body):
    """The settings in the body of updateTenant. Missing fields stay unchanged."""

    default_priority: Priority = absent()
    who_may_create: WhoMayCreate = absent()
    allowed_email_domains: Domains = absent()
    auto_close_days: Days | None = None
    time_zone: TimeZone = absent()
    targets: Targets = absent()
    """In the place of all targets before."""


class TenantUpdate(Update):
    """The body of updateTenant."""

    name: Name = absent()
    settings: SettingsUpdate = absent()


class DeleteTenantQuery(Body):
    """The query of deleteTenant: the tenant's name as a confirmation."""

    name: str


@dataclass(frozen=True, slots=True)
class AutoClose:
    """A tenant's setting: tickets that are RESOLVED and unchanged for so many days are closed."""

    tenant_id: str
    days: int
