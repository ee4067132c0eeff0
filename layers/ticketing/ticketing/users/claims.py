"""Claims: what is unique among all tenants, which are their names and founders.

A claim is an item that says which tenant has a name, or which tenant a user founded. It is written and deleted in the
transactions that create, rename and delete the tenant, so neither exists without the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ticketing.dynamodb.attributes import to_item
from ticketing.dynamodb.tables import put_new
from ticketing.dynamodb.transactions import VersionConflictError, cancellation_codes
from ticketing.text import folded

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_LONGEST: Final = 2_000
"""Bytes of a folded name in a key, which may have 2,048. Folding can turn 100 characters into 3,300 bytes."""


class NameTakenError(Exception):
    """Another tenant has this name. Nothing was written."""


def name_claim(name: str) -> dict[str, str]:
    """Return the key of the claim to a tenant's name. Names that look the same to people have the same key."""
    comparable = folded(name).encode()[:_LONGEST].decode(errors="ignore")
    return {"PK": f"NAME#{comparable}", "SK": "NAME"}


def founder_claim(user_id: str) -> dict[str, str]:
    """Return the key of the claim of a tenant's founder. A user can found one tenant at a time."""
    return {"PK": f"FOUNDER#{user_id}", "SK": "FOUNDER"}


def claim(table: str, key: Mapping[str, str], tenant_id: str) -> TransactWriteItemTypeDef:
    """Return the write of a claim, on the condition that nobody has it."""
    return put_new(table, {**key, "tenantId": tenant_id})


def release_claim(table: str, key: Mapping[str, str], tenant_id: str) -> TransactWriteItemTypeDef:
    """Return the write that releases a claim, on the condition that it is this tenant's or nobody's."""
    return {
        "Delete": {
            "TableName": table,
            "Key": to_item(key),
            "ConditionExpression": "attribute_not_exists(PK) OR tenantId = :tenant",
            "ExpressionAttributeValues": to_item({":tenant": tenant_id}),
        }
    }


class Claims:
    """The claims of all tenants, for callers who have no tenant yet."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def tenant_founded_by(self, user_id: str) -> str | None:
        """Return the id of the tenant that the user founded, being deleted or not, or None (a consistent read)."""
        key = to_item(founder_claim(user_id))
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return answer["Item"]["tenantId"]["S"] if "Item" in answer else None

    def create_tenant(
        self,
        tenant: Mapping[str, Any],
        founder: Mapping[str, Any],
        name: str,
        *,
        alongside: Sequence[TransactWriteItemTypeDef] = (),
    ) -> None:
        """Write a new tenant and its first user (items, in plain values) with both claims, all or nothing.

        `alongside` are more writes of the same transaction: the audit event, and what the founder joins.

        Raises
        ------
        NameTakenError
            Another tenant has the name.
        VersionConflictError
            The user has founded or joined a tenant meanwhile, or another transaction writes the same items.
        """
        new = [
            claim(self._table, founder_claim(founder["id"]), tenant["id"]),
            claim(self._table, name_claim(name), tenant["id"]),
            put_new(self._table, tenant),
            put_new(self._table, founder),
            *alongside,
        ]
        try:
            self._client.transact_write_items(TransactItems=new)
        except self._client.exceptions.TransactionCanceledException as error:
            codes = cancellation_codes(error)
            if "TransactionConflict" in codes or "ConditionalCheckFailed" in [codes[0], *codes[2:]]:
                raise VersionConflictError from error
            if codes[1] == "ConditionalCheckFailed":
                raise NameTakenError from error
            raise
