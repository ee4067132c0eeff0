"""Users and the bodies and queries that callers send about them, as pydantic models.

A user is a person or an API key: both are named, have a role and may be inactive. Only people have a mail address and
are known to Cognito.
"""

from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Strict, StringConstraints

from ticketing.access.roles import Role
from ticketing.api.bodies import (
    EMAIL,
    LOCALE,
    NO_NUL,
    Body,
    Model,
    PageQuery,
    Update,
    absent,
)

PENDING: Final = "PENDING"
"""The `task_key` of what the table says and Cognito was not told yet."""


@cache
def _time_zones() -> frozenset[str]:
    """Return the names of the IANA database, as the package `tzdata` lists them: the same on every machine."""
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split())


def _time_zone(name: str) -> str:
    if name not in _time_zones():
        message = "must be a time zone of the IANA database, such as Europe/Lisbon"
        raise ValueError(message)
    return name


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=NO_NUL)]
Email = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, max_length=254, pattern=EMAIL)]
Locale = Annotated[str, StringConstraints(max_length=35, pattern=LOCALE)]
TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_time_zone)]
Flag = Annotated[bool, Strict()]
TenantRole = Literal[Role.REPORTER, Role.AGENT, Role.ADMIN]
"""The roles that somebody of a tenant can have."""


class Kind(StrEnum):
    """What a user is."""

    PERSON = "PERSON"
    API_KEY = "API_KEY"


class MailOff(StrEnum):
    """Why somebody gets no mail at all."""

    UNSUBSCRIBED = "unsubscribed"
    """They said so: by the link in a mail, or in their profile."""
    BOUNCED = "bounced"
    """There is no such mailbox."""
    COMPLAINED = "complained"
    """They told whoever keeps their mailbox that a mail of ours was unwanted."""


class Notifications(Model):
    """What somebody wants to be told about; `mail` is whether by mail at all."""

    assigned: bool = True
    commented: bool = True
    mentioned: bool = True
    resolved: bool = True
    reopened: bool = True
    mail: bool = True


class User(Model):
    """A user as stored, without the keys that store it and what only API keys have.

    Times are RFC 3339 texts in UTC with milliseconds; `tokens_valid_from` is in seconds since 1970, None if nothing
    ever voided a token. `mail_off_reason` is None as long as `notifications.mail` is on. `task_key` is `PENDING` while
    Cognito has yet to be told, since `task_since`.
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
    version: int
    created_at: str
    updated_at: str
    task_key: str | None = None
    task_since: str | None = None

    @property
    def is_person(self) -> bool:
        """Whether this is somebody who signs in, no API key."""
        return self.kind is Kind.PERSON

    @property
    def counts_as_admin(self) -> bool:
        """Whether this is one of the people without whom nobody could look after the tenant."""
        return self.is_person and self.active and self.role is Role.ADMIN


class Invitation(Model):
    """An invitation under way, from before Cognito hears of it until the user is written."""

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
    """The part of updateMe's body that switches notices; what is left out stays as it is."""

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
    """The query of listUsers; `name` and `email` are the beginnings of one."""

    role: TenantRole | None = None
    active: Literal["true", "false"] | None = None
    name: Name | None = None
    email: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=254, pattern=NO_NUL)] | None
    ) = None
