"""What the audit trail tells of webhooks: no secrets. Of a URL it is the origin, because the rest may be a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ticketing.audit.models import TargetType, changes_between
from ticketing.audit.operations import record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from ticketing.access.identity import Caller
    from ticketing.access.permissions import Operation
    from ticketing.webhooks.models import Webhook

_TOLD: Final = {
    "origin": "origin",
    "event_types": "eventTypes",
    "internal_comments": "internalComments",
    "description": "description",
    "active": "active",
}


def webhook_changed(
    action: Operation, caller: Caller, before: Webhook | None, after: Webhook | None
) -> TransactWriteItemTypeDef:
    """Return the write that records the change of a webhook; None for one that is not there yet, or any more."""
    webhook = after or before
    assert webhook is not None  # noqa: S101 - there is one before or after
    changes = changes_between(_values(before), _values(after), _TOLD)
    return record(webhook.tenant_id, action, caller, (TargetType.WEBHOOK, webhook.id), changes)


def _values(webhook: Webhook | None) -> dict[str, Any] | None:
    if webhook is None:
        return None
    url = urlsplit(webhook.url)
    return webhook.model_dump(mode="json") | {"origin": f"{url.scheme}://{url.netloc.rpartition('@')[2]}"}
