"""Joining a tenant, by accepting an invitation or by founding one: an account is in one tenant at a time.

Cognito says which tenant an account belongs to, but hears of it only after the row was written. So each joining writes
an item of the account in its transaction that names the tenant: of two at once, one is first, and the other sees it.
Whether the account is still in that tenant, its row there says. The items are in the notifications table, and TTL
removes them a day later, when Cognito has long been told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ticketing import clock
from ticketing.aws import clients
from ticketing.aws.data import of_tenant
from ticketing.deployment import DEPLOYMENT
from ticketing.dynamodb.attributes import to_item
from ticketing.errors import ConflictError
from ticketing.users.repository import UserRepository

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from ticketing.users.user_pool import Account

OTHER_TENANT: Final = "The account belongs to a tenant already. Refresh its tokens to act for it."

_KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Joining:
    """What was seen before an account joins a tenant: the tenant that it joined last, or None."""

    user_id: str
    last: str | None

    def write(self, tenant_id: str) -> TransactWriteItemTypeDef:
        """Return the write that says which tenant the account joins, if it has joined none since it was looked at."""
        item = _key(self.user_id) | {"tenantId": tenant_id, "expiresAt": int((clock.now() + _KEPT).timestamp())}
        put: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": DEPLOYMENT.tables.notifications,
                "Item": to_item(item),
                "ConditionExpression": "attribute_not_exists(PK)",
            }
        }
        if self.last is not None:
            put["Put"]["ConditionExpression"] = "tenantId = :last"
            put["Put"]["ExpressionAttributeValues"] = to_item({":last": self.last})
        return put


def joining(account: Account, tenant_id: str = "") -> Joining:
    """Look at what an account belongs to before it joins a tenant, which may be new.

    Raises
    ------
    ConflictError
        It belongs to another tenant.
    """
    key = to_item(_key(account.id))
    answer = clients.dynamodb().get_item(TableName=DEPLOYMENT.tables.notifications, Key=key, ConsistentRead=True)
    last = answer["Item"]["tenantId"]["S"] if "Item" in answer else None
    joined = last is not None and last != tenant_id and _is_member(account.id, last)
    if joined or account.tenant_id not in {"", tenant_id}:
        raise ConflictError(OTHER_TENANT)
    return Joining(account.id, last)


def _is_member(user_id: str, tenant_id: str) -> bool:
    row = UserRepository(of_tenant(tenant_id)).get(user_id)
    return row is not None and row.active and not row.is_invited


def _key(user_id: str) -> dict[str, str]:
    return {"PK": f"JOINING#{user_id}", "SK": "JOINING"}
