"""What the audit trail tells of changes of users, API keys and tenants: no secrets, no preferences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ticketing.audit.models import TargetType, changes_between
from ticketing.audit.operations import record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from ticketing.access.identity import Caller
    from ticketing.access.permissions import Operation
    from ticketing.users.api_keys import ApiKey
    from ticketing.users.models import User
    from ticketing.users.tenant_models import Tenant

_OF_USERS: Final = {
    "email": "email",
    "name": "name",
    "role": "role",
    "active": "active",
    "invited_until": "invitedUntil",
}
_OF_API_KEYS: Final = {"name": "name", "role": "role", "active": "active", "expires_at": "expiresAt"}


def user_changed(
    action: Operation, caller: Caller | None, before: User | None, after: User
) -> TransactWriteItemTypeDef:
    """Return the write that records the change of a person; without `before`, they are new."""
    changes = changes_between(_values(before), _values(after), _OF_USERS)
    return record(after.tenant_id, action, caller, (TargetType.USER, after.id), changes)


def key_changed(action: Operation, caller: Caller, before: ApiKey | None, after: ApiKey) -> TransactWriteItemTypeDef:
    """Return the write that records the change of an API key; without `before`, it is new."""
    changes = changes_between(_values(before), _values(after), _OF_API_KEYS)
    return record(after.tenant_id, action, caller, (TargetType.API_KEY, after.id), changes)


def tenant_changed(action: Operation, caller: Caller, before: Tenant | None, after: Tenant) -> TransactWriteItemTypeDef:
    """Return the write that records the change of a tenant and its settings; without `before`, it is new."""
    old, new = _tenant_values(before), _tenant_values(after)
    changes = changes_between(old, new, {name: name for name in (new or {})})
    return record(after.id, action, caller, (TargetType.TENANT, after.id), changes)


def _values(user: User | None) -> dict[str, Any] | None:
    return None if user is None else user.model_dump(mode="json")


def _tenant_values(tenant: Tenant | None) -> dict[str, Any] | None:
    if tenant is None:
        return None
    settings = tenant.settings.model_dump(mode="json", by_alias=True)
    return {"name": tenant.name, "state": tenant.state.value} | {
        f"settings.{name}": value for name, value in settings.items()
    }
