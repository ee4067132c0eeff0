"""Audit events: who did what in a tenant, when, and from where."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Literal, Self

from pydantic import Field

from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.access.permissions import Operation
from ticketing.access.roles import Role
from ticketing.api.bodies import Model
from ticketing.ids import new_id

KEPT: Final = timedelta(days=365)
"""How long an audit event is kept."""

TYPE: Final = "AuditEventRecorded"
SCHEMA_VERSION: Final = 1

SYSTEM_ID: Final = "00000000-0000-0000-0000-000000000000"
"""The actor's id if the backend itself acts: the nil UUID, which no user has."""


class TargetType(StrEnum):
    """What can be the target of an administrative action."""

    USER = "USER"
    API_KEY = "API_KEY"
    WEBHOOK = "WEBHOOK"
    TENANT = "TENANT"
    VIEW = "VIEW"
    CALENDAR = "CALENDAR"


class Target(Model):
    """What the action changed."""

    type: TargetType
    id: str


class AuditActor(Model):
    """Who did it: a person, an API key, or the backend itself, which finishes what was interrupted."""

    id: str
    kind: Literal["PERSON", "API_KEY", "SYSTEM"]
    role: Role


class AuditChange(Model):
    """The old and the new value of a changed field; None for no value."""

    before: Any = Field(default=None, alias="from")
    after: Any = Field(default=None, alias="to")


class AuditEvent(Model):
    """One administrative action. It holds no secret, and no value of a person but name, address and role."""

    id: str
    """The event's id: the same in every redelivery."""
    type: Literal["AuditEventRecorded"] = TYPE
    schema_version: int = Field(default=SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION)
    tenant_id: str
    occurred_at: str
    """UTC, RFC 3339 with milliseconds and Z."""
    action: Operation
    """The operation of the API, by its operationId."""
    actor: AuditActor
    target: Target
    changes: dict[str, AuditChange]
    """The changed fields, by their names in the API."""
    ip_address: str | None = None
    """Where the request came from; not there if the backend acted."""
    user_agent: str | None = None
    """The request's User-Agent, its first 200 characters."""

    @classmethod
    def of(
        cls, tenant_id: str, action: Operation, caller: Caller | None, target: Target, changes: dict[str, AuditChange]
    ) -> Self:
        """Return the event of an action at this moment; without a caller, the backend is its actor."""
        actor = AuditActor(id=SYSTEM_ID, kind="SYSTEM", role=Role.SYSTEM)
        if caller is not None:
            kind: Literal["PERSON", "API_KEY"] = "API_KEY" if caller.is_api_key else "PERSON"
            actor = AuditActor(id=caller.user_id, kind=kind, role=caller.role)
        source = caller.source if caller else None
        return cls(
            id=new_id(),
            tenant_id=tenant_id,
            occurred_at=clock.timestamp(clock.now()),
            action=action,
            actor=actor,
            target=target,
            changes=changes,
            ip_address=source.ip_address if source else None,
            user_agent=source.user_agent if source else None,
        )


def changes_between(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, names: Mapping[str, str]
) -> dict[str, AuditChange]:
    """Return the fields that differ, each with both values, by their names in the API. `names` is all that is told.

    Parameters
    ----------
    before, after
        The fields by their Python names; None for something that was not there, or is not there any more.
    names
        Their names in the API, by the Python names.
    """
    old, new = before or {}, after or {}
    return {
        name: AuditChange(before=old.get(field), after=new.get(field))
        for field, name in names.items()
        if old.get(field) != new.get(field)
    }
