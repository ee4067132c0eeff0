"""Webhooks, their deliveries, and the bodies and queries that callers send about them, as pydantic models."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, Field, Strict, StringConstraints

from ticketing import clock
from ticketing.api.bodies import (
    TEXT,
    Body,
    Model,
    PageQuery,
    Update,
    absent,
)
from ticketing.tickets.kinds import EventType
from ticketing.webhooks.signatures import secret_bytes

ALL_EVENTS: Final = "*"
"""Stands for every event type, future ones included."""

MOST_WEBHOOKS: Final = 20
"""How many webhooks a tenant may have."""

MOST_TO_ONE_HOST: Final = 5
"""How many of a tenant's webhooks may lead to the same host: one change is not twenty requests to somebody."""

MOST_WAITING: Final = 500
"""How many deliveries to one webhook may wait for a retry. What exceeds it is dropped, and can be redelivered."""

MOST_WAITING_OF_TENANT: Final = 2000
"""How many deliveries of one tenant may wait, before what is for its failing webhooks is dropped."""

TOO_MANY_WAIT: Final = "Too many deliveries waited for a retry."
"""The reason of a delivery that was dropped."""

MOST_ATTEMPTS_KEPT: Final = 10
"""How many attempts of a delivery are kept: the last ones."""

DELIVERIES_KEPT: Final = timedelta(days=30)
"""How long a delivery can be read and redelivered."""

OLD_SECRET_VALID: Final = timedelta(hours=24)
"""How long the old secret still signs, beside the new one, after a rotation."""

MOST_SECRETS: Final = 5
"""How many secrets sign at once, even after more rotations within a day: the newest ones."""

_EVENT_TYPES: Final = frozenset({ALL_EVENTS, *EventType})


def _event_type(name: str) -> str:
    if name not in _EVENT_TYPES:
        message = f"must be one of {', '.join(sorted(_EVENT_TYPES))}"
        raise ValueError(message)
    return name


def _each_once(names: list[str]) -> list[str]:
    return [ALL_EVENTS] if ALL_EVENTS in names else list(dict.fromkeys(names))


def _secret(text: str) -> str:
    secret_bytes(text)
    return text


Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), TEXT]
EventTypes = Annotated[
    list[Annotated[str, AfterValidator(_event_type)]],
    Field(min_length=1, max_length=len(_EVENT_TYPES)),
    AfterValidator(_each_once),
]
Description = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), TEXT]
Flag = Annotated[bool, Strict()]
SecretText = Annotated[str, StringConstraints(max_length=100), AfterValidator(_secret)]


class WebhookCreate(Body):
    """The body of createWebhook; without a secret, one is generated."""

    url: Url
    event_types: EventTypes
    description: Description | None = None
    internal_comments: Flag = False
    active: Flag = True
    secret: SecretText = absent()


class WebhookUpdate(Update):
    """The body of updateWebhook."""

    url: Url = absent()
    event_types: EventTypes = absent()
    description: Description | None = None
    internal_comments: Flag = absent()
    active: Flag = absent()


class SecretRotation(Body):
    """The body of rotateSecret; without a secret, one is generated."""

    secret: SecretText = absent()


class Webhook(Model):
    """A webhook as stored, without its secrets and the keys that store it. Times are RFC 3339 texts in UTC.

    `failing_since` is the first failed attempt after which none has succeeded; `disabled_reason` says why it was
    switched off automatically. `failures` counts the attempts since then; after a number of them the webhook is paused
    until `paused_until`. `waiting` is how many of its deliveries wait for a retry. These three change without a new
    version: they are no change that somebody makes.
    """

    id: str
    tenant_id: str
    url: str
    event_types: list[str]
    description: str | None = None
    internal_comments: bool
    active: bool
    failing_since: str | None = None
    disabled_reason: str | None = None
    failures: int = 0
    paused_until: str | None = None
    waiting: int = 0
    version: int
    created_by_id: str
    created_at: str
    updated_at: str

    def wants(self, event_type: EventType, *, internal: bool) -> bool:
        """Return whether an event of this type, about an internal comment or not, is to be sent to it."""
        listed = event_type in self.event_types or ALL_EVENTS in self.event_types
        return self.active and listed and (self.internal_comments or not internal)


class Secret(Model):
    """A signing secret; `until` (RFC 3339) is the end of an old one, None for the current one."""

    key: str
    until: str | None = None

    def signs(self, moment: datetime) -> bool:
        """Return whether it signs at this moment."""
        return self.until is None or clock.timestamp(moment) < self.until


class DeliveryState(StrEnum):
    """The state of a delivery; PENDING while another attempt is to come."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


class Attempt(Model):
    """One attempt: when, how many milliseconds it took, and the receiver's answer, or the error without one."""

    at: str
    ms: int
    status: int | None = None
    error: str | None = None
    response: str | None = None
    """The start of the answer's body, 1 KB at most."""

    @property
    def succeeded(self) -> bool:
        """Whether the receiver accepted it (2xx)."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - what HTTP calls success


class Delivery(Model):
    """An event on its way to a webhook, without the keys that store it.

    `round` counts redeliveries, `tries` the attempts of this round; `attempts` are the last ones of all rounds. `body`
    is the payload, to the byte. `lease_until` (milliseconds since 1970) is set while an attempt is under way. `waiting`
    is whether it counts among those of its webhook that wait. `failure_reason` says why it was given up, where that was
    not its last attempt.
    """

    id: str
    tenant_id: str
    webhook_id: str
    event_id: str
    event_type: EventType
    ticket_id: str
    state: DeliveryState
    attempts: list[Attempt] = []
    tries: int = 0
    round: int = 1
    next_attempt_at: str | None = None
    lease_until: int | None = None
    waiting: bool = False
    failure_reason: str | None = None
    body: str
    created_at: str
    restarted_at: str | None = None
    expires_at: int

    @property
    def began_at(self) -> datetime:
        """When its round began."""
        return datetime.fromisoformat(self.restarted_at or self.created_at)


class DeliveryQuery(PageQuery):
    """The query of listDeliveries."""

    state: DeliveryState | None = None
