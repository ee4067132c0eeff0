"""What services call: the write that records an administrative action, and how an event is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ticketing.audit.models import AuditChange, AuditEvent, Target, TargetType
from ticketing.audit.repository import recorded
from ticketing.deployment import DEPLOYMENT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from ticketing.access.identity import Caller
    from ticketing.access.permissions import Operation


def record(
    tenant_id: str,
    action: Operation,
    caller: Caller | None,
    target: tuple[TargetType, str],
    changes: dict[str, AuditChange],
) -> TransactWriteItemTypeDef:
    """Return the write that records an action, for the transaction of its change.

    Parameters
    ----------
    tenant_id, action
        Where, and what was called.
    caller
        Who called it; None for the backend itself.
    target
        What was changed: its type and id.
    changes
        The changed fields, without secrets.
    """
    kind, target_id = target
    event = AuditEvent.of(tenant_id, action, caller, Target(type=kind, id=target_id), changes)
    return recorded(DEPLOYMENT.tables.tickets, event)


def presented(event: AuditEvent) -> dict[str, Any]:
    """Return an audit event as the contract shows it."""
    return event.model_dump(mode="json", by_alias=True, exclude={"type", "schema_version", "tenant_id"})
