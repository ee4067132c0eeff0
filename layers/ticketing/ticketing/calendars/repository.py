"""Calendars in DynamoDB: all of a tenant's are one item of the search table.

They are few and small, and are judged together: how many there are, which one is the default, whose name is whose. So
one read finds them all, and one conditional write keeps every rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ticketing.aws.data import TenantData
from ticketing.calendars.models import Calendar, CalendarSet
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.damage import Item, read_one
from ticketing.dynamodb.tables import tenant_prefix
from ticketing.dynamodb.transactions import VersionConflictError, cancellation_codes
from ticketing.people.keys import tenant_key
from ticketing.users.errors import TenantNotFoundError
from ticketing.users.states import TenantState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_LOST: Final = "TransactionConflict"
_REFUSED: Final = "ConditionalCheckFailed"


def calendars_key(tenant_id: str) -> dict[str, str]:
    """Return the key of a tenant's calendars."""
    return {"PK": f"{tenant_prefix(tenant_id)}#CALENDARS", "SK": "CALENDARS"}


class CalendarRepository:
    """The calendars of one tenant; the key starts with the tenant."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.search
        self._users = data.tables.users
        self._id = data.tenant_id

    def read(self) -> CalendarSet:
        """Return the calendars as last written: a consistent read."""
        key = to_item(calendars_key(self._id))
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return read_one(answer["Item"], _calendars) if "Item" in answer else CalendarSet()

    def write(
        self, before: CalendarSet, after: list[Calendar], *, alongside: Sequence[TransactWriteItemTypeDef] = ()
    ) -> None:
        """Write the calendars, if `before` is still what is there: one transaction.

        If there are more than before, the tenant has to be active. `alongside` are writes of other services in it: the
        audit event.

        Raises
        ------
        TenantNotFoundError
            The tenant is not there or being deleted.
        VersionConflictError
            Somebody else wrote calendars since `before` was read, or is writing them, or the tenant, at this moment.
        """
        item = CalendarSet(version=before.version + 1, calendars=after).model_dump(mode="json", by_alias=True)
        put: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self._table,
                "Item": to_item(calendars_key(self._id) | item),
                "ConditionExpression": "attribute_not_exists(PK)",
            }
        }
        if before.version:
            put["Put"]["ConditionExpression"] = "#version = :before"
            put["Put"]["ExpressionAttributeNames"] = {"#version": "version"}
            put["Put"]["ExpressionAttributeValues"] = to_item({":before": before.version})
        writes = [put, *alongside]
        if more := len(after) > len(before.calendars):
            writes.append(self._tenant_is_active())
        try:
            self._client.transact_write_items(TransactItems=writes)
        except self._client.exceptions.TransactionCanceledException as error:
            codes = cancellation_codes(error)
            if more and codes[-1] == _REFUSED:
                raise TenantNotFoundError from error
            if codes[0] == _REFUSED or _LOST in codes:
                raise VersionConflictError from error
            raise

    def _tenant_is_active(self) -> TransactWriteItemTypeDef:
        return {
            "ConditionCheck": {
                "TableName": self._users,
                "Key": to_item(tenant_key(self._id)),
                "ConditionExpression": "#state = :active",
                "ExpressionAttributeNames": {"#state": "state"},
                "ExpressionAttributeValues": to_item({":active": TenantState.ACTIVE.value}),
            }
        }


def _calendars(item: Item) -> CalendarSet:
    return CalendarSet.model_validate(from_item(item))
