"""Saved views in DynamoDB: the keys and expressions of their items in the search table.

All of a tenant's views are in one partition, `TENANT#<tenant>#VIEWS`. What somebody keeps for themselves is under
`USER#<user>`, what the tenant shares under `SHARED`: the view, a claim of its name, and the number of views there. An
Idempotency-Key is an item of its own, which stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ticketing.aws.data import TenantData
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.damage import Item, read_all, read_one
from ticketing.dynamodb.tables import items_of, put_new, update_of
from ticketing.dynamodb.transactions import VersionConflictError, cancellation_codes
from ticketing.ids import derived_id
from ticketing.people.keys import tenant_key
from ticketing.text import folded
from ticketing.users.errors import TenantNotFoundError
from ticketing.users.states import TenantState
from ticketing.views.errors import TooManyViewsError, ViewNameTakenError
from ticketing.views.keys import place_of, view_key, views_partition
from ticketing.views.models import MOST_OWN, MOST_SHARED, View

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef

type Writes = dict[str, TransactWriteItemTypeDef]
"""The writes of a transaction, in order, by what each is about."""

_LOST: Final = "TransactionConflict"
_REFUSED: Final = "ConditionalCheckFailed"

_LIMITS: Final = {
    False: f"You have {MOST_OWN} views, which is the maximum. Delete one that is not needed.",
    True: f"{MOST_SHARED} views are shared, which is the maximum. Delete one that is not needed.",
}


class ViewExistsError(Exception):
    """The Idempotency-Key created a view before. Nothing was written."""


class ViewRepository:
    """The views of one tenant; every key starts with the tenant."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.search
        self._users = data.tables.users
        self._id = data.tenant_id

    def create(
        self, view: View, key: tuple[str, str] | None, *, alongside: Sequence[TransactWriteItemTypeDef] = ()
    ) -> None:
        """Write a new view, if the tenant is active, its name is free and there is room: one transaction.

        `key` are the Idempotency-Key and the hash of the request. `alongside` are writes of other services in it: the
        audit event.

        Raises
        ------
        ViewExistsError
            The key created a view before.
        TenantNotFoundError, ViewNameTakenError, TooManyViewsError
            The tenant is not there or being deleted; another view there has the name; there are as many as may be.
        VersionConflictError
            Somebody else is writing views there, or the tenant, at this moment.
        """
        writes: Writes = {
            "tenant": {
                "ConditionCheck": {
                    "TableName": self._users,
                    "Key": to_item(tenant_key(self._id)),
                    "ConditionExpression": "#state = :active",
                    "ExpressionAttributeNames": {"#state": "state"},
                    "ExpressionAttributeValues": to_item({":active": TenantState.ACTIVE.value}),
                }
            },
            "view": put_new(self._table, self._item(view)),
            "name": self._claim(view),
            "number": self._count(view, 1),
        }
        if key is not None:
            made = {"viewId": view.id, "requestHash": key[1]}
            writes["key"] = put_new(self._table, self._key_key(view.owner_id, key[0]) | made)
        self._write(writes, view, alongside)

    def created_by(self, user_id: str, key: str) -> tuple[str, str]:
        """Return the id of the view that a user's key has created, and the hash of that request: a consistent read."""
        place = to_item(self._key_key(user_id, key))
        answer = self._client.get_item(TableName=self._table, Key=place, ConsistentRead=True)
        return read_one(answer["Item"], _made)

    def get(self, view_id: str, owner_id: str | None) -> View | None:
        """Return a view of somebody's as last written, or a shared one (without an owner); None if there is none."""
        key = to_item(view_key(self._id, owner_id, view_id))
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return read_one(answer["Item"], _view) if "Item" in answer else None

    def all(self, owner_id: str | None) -> list[View]:
        """Return all views of somebody's, or all shared ones (without an owner), as last written: one query."""
        start = view_key(self._id, owner_id, "")
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "PK = :tenant AND begins_with(SK, :views)",
            "ExpressionAttributeValues": to_item({":tenant": start["PK"], ":views": start["SK"]}),
            "ConsistentRead": True,
        }
        return list(read_all(items_of(self._client, query), _view))

    def edit(self, before: View, after: View, *, alongside: Sequence[TransactWriteItemTypeDef] = ()) -> None:
        """Write what has changed of a view, if `before` is still its version: one transaction.

        One that becomes shared, or is not shared any more, moves with its name to where those are.

        Raises
        ------
        ViewNameTakenError, TooManyViewsError
            Another view there has the name; there are as many as may be.
        VersionConflictError
            The view changed or is gone since `before` was read, or somebody else is writing views there.
        """
        writes: Writes = {}
        if _place(before) == _place(after):
            old, new = (view.model_dump(mode="json", by_alias=True) for view in (before, after))
            writes["view"] = {
                "Update": update_of(
                    self._table,
                    self._key(before),
                    {name: value for name, value in new.items() if value != old[name]},
                    condition="#version = :before",
                    values={":before": before.version},
                )
            }
        else:
            writes["before"] = self._delete(before)
            writes["view"] = put_new(self._table, self._item(after))
            writes["number before"] = self._count(before, -1)
            writes["number"] = self._count(after, 1)
        if self._name_key(before) != self._name_key(after):
            writes["name before"] = self._release(before)
            writes["name"] = self._claim(after)
        self._write(writes, after, alongside)

    def delete(self, view: View, *, alongside: Sequence[TransactWriteItemTypeDef] = ()) -> None:
        """Delete a view, and let its name go: one transaction.

        Raises
        ------
        VersionConflictError
            It changed or is gone since it was read.
        """
        writes = {"view": self._delete(view), "name before": self._release(view), "number": self._count(view, -1)}
        self._write(writes, view, alongside)

    def _write(self, writes: Writes, view: View, alongside: Sequence[TransactWriteItemTypeDef]) -> None:
        try:
            self._client.transact_write_items(TransactItems=[*writes.values(), *alongside])
        except self._client.exceptions.TransactionCanceledException as error:
            codes = cancellation_codes(error)
            refused = {what for what, code in zip(writes, codes, strict=False) if code == _REFUSED}
            if "key" in refused:
                raise ViewExistsError from error
            if "tenant" in refused:
                raise TenantNotFoundError from error
            if refused & {"view", "before"} or _LOST in codes:
                raise VersionConflictError from error
            if "name" in refused:
                where = "shared view" if view.shared else "view of yours"
                message = f"Another {where} has this name, but for case, width and spaces."
                raise ViewNameTakenError(message, ["name"]) from error
            if "number" in refused:
                raise TooManyViewsError(_LIMITS[view.shared]) from error
            raise

    def _delete(self, view: View) -> TransactWriteItemTypeDef:
        return {
            "Delete": {
                "TableName": self._table,
                "Key": to_item(self._key(view)),
                "ConditionExpression": "version = :read",
                "ExpressionAttributeValues": to_item({":read": view.version}),
            }
        }

    def _claim(self, view: View) -> TransactWriteItemTypeDef:
        return put_new(self._table, self._name_key(view) | {"viewId": view.id})

    def _release(self, view: View) -> TransactWriteItemTypeDef:
        return {"Delete": {"TableName": self._table, "Key": to_item(self._name_key(view))}}

    def _count(self, view: View, number: int) -> TransactWriteItemTypeDef:
        """Return the write that adds to the number of views where this one is, up to the maximum."""
        write: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self._table,
                "Key": to_item({"PK": views_partition(self._id), "SK": f"{_place(view)}#COUNT"}),
                "UpdateExpression": "ADD #views :number",
                "ExpressionAttributeNames": {"#views": "views"},
                "ExpressionAttributeValues": to_item({":number": number}),
            }
        }
        if number > 0:
            most = MOST_SHARED if view.shared else MOST_OWN
            write["Update"]["ConditionExpression"] = "attribute_not_exists(#views) OR #views < :most"
            write["Update"]["ExpressionAttributeValues"] = to_item({":number": number, ":most": most})
        return write

    def _item(self, view: View) -> dict[str, Any]:
        return self._key(view) | view.model_dump(mode="json", by_alias=True)

    def _key(self, view: View) -> dict[str, str]:
        return view_key(self._id, None if view.shared else view.owner_id, view.id)

    def _name_key(self, view: View) -> dict[str, str]:
        """Return the key of a view's claim to its name. The name is hashed: folded, it may be longer than a key."""
        name = derived_id(folded(view.name))
        return {"PK": views_partition(self._id), "SK": f"{_place(view)}#NAME#{name}"}

    def _key_key(self, user_id: str, key: str) -> dict[str, str]:
        return {"PK": views_partition(self._id), "SK": f"{place_of(user_id)}#KEY#{derived_id(key)}"}


def _view(item: Item) -> View:
    return View.model_validate(from_item(item))


def _made(item: Item) -> tuple[str, str]:
    return item["viewId"]["S"], item["requestHash"]["S"]


def _place(view: View) -> str:
    return place_of(None if view.shared else view.owner_id)
