"""Users and the bodies and queries that callers send about them, as pydantic models.

A user is a person or an API key: both have a name and a role and can be inactive. Only people have an e-mail address
and an account in Cognito.
"""

from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import AfterValidator, Strict, StringConstraints

from ticketing.access.roles import Role
from ticketing.api.bodies import (
    EMAIL,
    LOCALE,
    TEXT,
    Body,
    Model,
    PageQuery,
    Update,
    absent,
)
from ticketing.text import folded
from ticketing.users.states import PENDING, Kind, MailOff


@cache
def _time_zones() -> frozenset[str]:
    """Return the names of the IANA time zone database. The package `tzdata` has the same list on every machine."""
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split())


def _time_zone(name: str) -> str:
    if name not in _time_zones():
        message = "must be a time zone of the IANA database, such as Europe/Lisbon"
        raise ValueError(message)
    return name


def _visible(name: str) -> str:
    """Return a name that people can see: of one that they can't, they could not tell that it is there."""
    if not folded(name):
        message = "must have a visible character"
        raise ValueError(message)
    return name


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    TEXT,
    AfterValidator(_visible),
]
Typed = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=254), TEXT, AfterValidator(_visible)
]
Email = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, max_length=254, pattern=EMAIL)]
Locale = Annotated[str, StringConstraints(max_length=35, pattern=LOCALE)]
TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_time_zone)]
Flag = Annotated[bool, Strict()]
TenantRole = Literal[Role.REPORTER, Role.AGENT, Role.ADMIN]
"""The roles of a tenant's users."""


class Notifications(Model):
    """What a person wants to be notified of; `mail` switches all emails."""

    assigned: bool = True
    commented: bool = True
    mentioned: bool = True
    resolved: bool = True
    reopened: bool = True
    mail: bool = True


class User(Model):
    """A user as stored, without the item's keys and the fields of API keys.

    Times are RFC 3339 texts in UTC with milliseconds. `tokens_valid_from` is in seconds since 1970: a person's tokens
    that were issued before it do not count, and without it none does; API keys have none. `mail_off_reason` is None
    while `notifications.mail` is on. `invited_until` is None once the person accepted the invitation. `task_key` is
    `PENDING` while Cognito has to be updated, since `task_since`; of an invitation that can be accepted it is
    `invited_key`, until `task_since`.
    """

    id: str
    tenant_id: str
    kind: Kind
    name: str
    email: str | None = None
    role: TenantRole
    active: bool
    locale: str = "en"
    time_zone: str = "UTC"
    notifications: Notifications = Notifications()
    mail_off_reason: MailOff | None = None
    tokens_valid_from: int | None = None
    invited_until: str | None = None
    version: int
    created_at: str
    updated_at: str
    task_key: str | None = None
    task_since: str | None = None

    @property
    def is_person(self) -> bool:
        """Whether this is a person and not an API key."""
        return self.kind is Kind.PERSON

    @property
    def is_invited(self) -> bool:
        """Whether the person has not accepted the invitation. Their account is not the tenant's."""
        return self.invited_until is not None

    def may_accept(self, now: str) -> bool:
        """Return whether the invitation can be accepted: it was neither withdrawn nor has it expired."""
        return self.active and self.invited_until is not None and now < self.invited_until

    @property
    def counts_as_admin(self) -> bool:
        """Whether this is an active person who is an admin and accepted the invitation. A tenant needs one."""
        return self.is_person and self.active and self.role is Role.ADMIN and not self.is_invited


class Invitation(Model):
    """An invitation in progress: written before the account is created, deleted when the user is written."""

    tenant_id: str
    email: str
    role: TenantRole
    name: str | None = None
    invited_by_id: str
    task_key: str = PENDING
    task_since: str


class InviteUser(Body):
    """The body of inviteUser."""

    email: Email
    role: TenantRole
    name: Name = absent()


class UserUpdate(Update):
    """The body of updateUser."""

    role: TenantRole = absent()
    active: Flag = absent()


class NotificationsUpdate(Body):
    """The part of updateMe's body that switches notifications. Missing fields stay unchanged."""

    assigned: Flag = absent()
    commented: Flag = absent()
    mentioned: Flag = absent()
    resolved: Flag = absent()
    reopened: Flag = absent()
    mail: Flag = absent()


class MeUpdate(Update):
    """The body of updateMe."""

    name: Name = absent()
    locale: Locale = absent()
    time_zone: TimeZone = absent()
    notifications: NotificationsUpdate = absent()


class UserQuery(PageQuery):
    """The query of listUsers; `name` and `email` are prefixes, `q` is what `Sought` makes of it."""

    q: Typed | None = None
    role: TenantRole | None = None
    active: Literal["true", "false"] | None = None
    name: Name | None = None
    email: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=254), TEXT] | None = None
