"""Webhooks, their deliveries, and the bodies and queries that callers send about them, as pydantic models."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, Field, Strict, StringConstraints

from ticketing import clock
from ticketing.api.bodies import (
    NO_NUL,
    Body,
    Model,
    PageQuery,
    Update,
    absent,
)
from ticketing.tickets.events import EventType
from ticketing.webhooks.signatures import secret_bytes

ALL_EVENTS: Final = "*"
"""Stands for every type of event, also those that are yet to come."""

MOST_WEBHOOKS: Final = 20
"""How many webhooks a tenant may have."""

MOST_ATTEMPTS_KEPT: Final = 10
"""How many attempts of a delivery are remembered: the last ones."""

DELIVERIES_KEPT: Final = timedelta(days=30)
"""How long a delivery can be looked at and repeated."""

OLD_SECRET_VALID: Final = timedelta(hours=24)
"""How long a secret that was replaced signs beside its successor."""

MOST_SECRETS: Final = 5
"""How many secrets sign at once, however often they were replaced within a day: the newest ones."""

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


Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=NO_NUL)]
EventTypes = Annotated[
    list[Annotated[str, AfterValidator(_event_type)]],
    Field(min_length=1, max_length=len(_EVENT_TYPES)),
    AfterValidator(_each_once),
]
Description = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NO_NUL)]
Flag = Annotated[bool, Strict()]
SecretText = Annotated[str, StringConstraints(max_length=100), AfterValidator(_secret)]


class WebhookCreate(Body):
    """The body of createWebhook; without a secret, one is made."""

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
    """The body of rotateSecret; without a secret, one is made."""

    secret: SecretText = absent()


class Webhook(Model):
    """A webhook as stored, without its secrets and the keys that store it. Times are RFC 3339 texts in UTC.

    `failing_since` is the first failed attempt after which none has succeeded; `disabled_reason` says why it was
    switched off where nobody did it.
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
    version: int
    created_by_id: str
    created_at: str
    updated_at: str

    def wants(self, event_type: EventType, *, internal: bool) -> bool:
        """Return whether an event of this type, about an internal comment or not, is to be sent to it."""
        listed = event_type in self.event_types or ALL_EVENTS in self.event_types
        return self.active and listed and (self.internal_comments or not internal)


class Secret(Model):
    """A secret that signs; `until` (RFC 3339) for one that was replaced, None for the current one."""

    key: str
    until: str | None = None

    def signs(self, moment: datetime) -> bool:
        """Return whether it is (still) good at this moment."""
        return self.until is None or clock.timestamp(moment) < self.until


class DeliveryState(StrEnum):
    """What has become of a delivery; PENDING while an attempt is to come."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


class Attempt(Model):
    """One try to deliver: when, how long it took in milliseconds, what the receiver answered or why nothing came."""

    at: str
    ms: int
    status: int | None = None
    error: str | None = None
    response: str | None = None
    """The beginning of the answer's body, 1 KB at most."""

    @property
    def succeeded(self) -> bool:
        """Whether the receiver has taken it."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - what HTTP calls success


class Delivery(Model):
    """An event on its way to a webhook, without the keys that store it.

    `round` counts how often somebody asked for it anew, `tries` the attempts of this round; `attempts` are the last
    ones of all rounds. `body` is what is sent, to the byte. `lease_until` (milliseconds since 1970) is set while
    somebody is at it.
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
    body: str
    created_at: str
    expires_at: int


class DeliveryQuery(PageQuery):
    """The query of listDeliveries."""

    state: DeliveryState | None = None
