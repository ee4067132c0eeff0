"""What the audit trail tells of calendars: all that an admin sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ticketing.audit.models import TargetType, changes_between
from ticketing.audit.operations import record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from ticketing.access.identity import Caller
    from ticketing.access.permissions import Operation
    from ticketing.calendars.models import Calendar

_TOLD: Final = {name: name for name in ("name", "timeZone", "hours", "holidays", "default")}


def calendar_changed(
    action: Operation, caller: Caller, before: Calendar | None, after: Calendar | None
) -> TransactWriteItemTypeDef:
    """Return the write that records the change of a calendar; None for one that is not there yet, or any more."""
    calendar = after or before
    assert calendar is not None  # noqa: S101 - there is one before or after
    changes = changes_between(_values(before), _values(after), _TOLD)
    return record(caller.tenant_id, action, caller, (TargetType.CALENDAR, calendar.id), changes)


def _values(calendar: Calendar | None) -> dict[str, Any] | None:
    return None if calendar is None else calendar.model_dump(mode="json", by_alias=True)
