"""What the audit trail tells of views: the changes of shared ones. What somebody keeps for themselves is their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ticketing.audit.models import TargetType, changes_between
from ticketing.audit.operations import record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from ticketing.access.identity import Caller
    from ticketing.access.permissions import Operation
    from ticketing.views.models import View

_TOLD: Final = {
    "name": "name",
    "query": "query",
    "sort": "sort",
    "shared": "shared",
    "position": "position",
    "owner_id": "ownerId",
}


def view_changed(
    action: Operation, caller: Caller, before: View | None, after: View | None
) -> list[TransactWriteItemTypeDef]:
    """Return the write that records the change of a view, if it is or was shared: a list of one, or none.

    `before` is None for one that is not there yet, `after` for one that is not there any more.
    """
    concerned = [view for view in (after, before) if view is not None]
    if not any(view.shared for view in concerned):
        return []
    changes = changes_between(_values(before), _values(after), _TOLD)
    return [record(caller.tenant_id, action, caller, (TargetType.VIEW, concerned[0].id), changes)]


def _values(view: View | None) -> dict[str, Any] | None:
    return None if view is None else view.model_dump(mode="json")
