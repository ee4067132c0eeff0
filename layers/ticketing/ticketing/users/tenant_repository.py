"""Tenants in DynamoDB: a tenant's item, the receipt of its deletion, and the copies of its settings on other items.

createTicket reads no settings: `defaultPriority` and `creators` are copied to the counter of ticket numbers, each
absent while it has its default. `auto_close_days` is copied to an item of its own, which the job that closes tickets
queries for all tenants.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ticketing.aws.data import TenantData
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.damage import Item, read_all, read_one
from ticketing.dynamodb.tables import items_of, put_new, update_of
from ticketing.dynamodb.transactions import VersionConflictError, cancellation_codes
from ticketing.people.keys import tenant_key
from ticketing.tickets.keys import counter_key
from ticketing.tickets.kinds import Creators, Priority
from ticketing.users.claims import NameTakenError, claim, name_claim, release_claim
from ticketing.users.rows import auto_close_key, deletion_key
from ticketing.users.states import PENDING, DeletionState, TenantState, WhoMayCreate
from ticketing.users.tenant_models import AutoClose, Tenant, TenantDeletion, TenantSettings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef

    from ticketing.api.bodies import Model


class TenantRepository:
    """One tenant. Every key it builds starts with the tenant's id."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._users = data.tables.users
        self._tickets = data.tables.tickets
        self._id = data.tenant_id

    def get(self) -> Tenant | None:
        """Return the tenant as last written (a consistent read), being deleted or not, or None if there is none."""
        return self._read(tenant_key(self._id), Tenant)

    def deletion(self) -> TenantDeletion | None:
        """Return the receipt of the tenant's deletion (a consistent read), or None if nobody requested one."""
        return self._read(deletion_key(self._id), TenantDeletion)

    def item_of(self, tenant: Tenant) -> dict[str, Any]:
        """Return the tenant's item, in plain values."""
        return tenant_key(self._id) | tenant.model_dump(mode="json", by_alias=True)

    def update(self, before: Tenant, after: Tenant, *, alongside: Sequence[TransactWriteItemTypeDef] = ()) -> None:
        """Write a tenant's name and settings and their copies, if `before` is still the current version.

        `alongside` are writes of other services in the same transaction: the audit event.

        Raises
        ------
        NameTakenError
            Another tenant has the new name. Nothing was written.
        VersionConflictError
            The tenant was changed, or its deletion started, after `before` was read.
        """
        settings = after.settings.model_dump(mode="json", by_alias=True)
        changes = {"name": after.name, "settings": settings, "version": after.version, "updatedAt": after.updated_at}
        writes = [self._change(before, changes)]
        old, new = name_claim(before.name), name_claim(after.name)
        if old != new:
            writes += [claim(self._users, new, self._id), release_claim(self._users, old, self._id)]
        writes += self._copy_writes(before.settings, after.settings)
        try:
            self._client.transact_write_items(TransactItems=[*writes, *alongside])
        except self._client.exceptions.TransactionCanceledException as error:
            codes = cancellation_codes(error)
            if codes[0] == "ConditionalCheckFailed" or "TransactionConflict" in codes:
                raise VersionConflictError from error
            if old != new and codes[1] == "ConditionalCheckFailed":
                raise NameTakenError from error
            raise

    def begin_deletion(
        self, before: Tenant, receipt: TenantDeletion, *, alongside: Sequence[TransactWriteItemTypeDef] = ()
    ) -> None:
        """Mark a tenant as being deleted and write the receipt, if `before` is still the current version.

        From then on there are no new users (their writes check the tenant's state) and no new tickets (the counter's
        `creators` is NOBODY).

        Raises
        ------
        VersionConflictError
            The tenant was changed, or its deletion started, after `before` was read.
        """
        changes = {
            "state": TenantState.DELETING.value,
            "version": before.version + 1,
            "updatedAt": receipt.started_at,
            "taskKey": None,
            "taskSince": None,
        }
        item = deletion_key(self._id) | receipt.model_dump(mode="json", by_alias=True)
        writes: list[TransactWriteItemTypeDef] = [
            self._change(before, changes),
            self._set_counter({"creators": Creators.NOBODY.value}),
            put_new(self._users, item),
            {"Delete": {"TableName": self._users, "Key": to_item(auto_close_key(self._id))}},
            *alongside,
        ]
        try:
            self._client.transact_write_items(TransactItems=writes)
        except self._client.exceptions.TransactionCanceledException as error:
            if {"ConditionalCheckFailed", "TransactionConflict"}.intersection(cancellation_codes(error)):
                raise VersionConflictError from error
            raise

    def clear_pending(self) -> None:
        """Remove the pending mark after API Gateway and Cognito were updated; without a mark, do nothing."""
        try:
            self._client.update_item(
                TableName=self._users,
                Key=to_item(tenant_key(self._id)),
                UpdateExpression="REMOVE taskKey, taskSince",
                ConditionExpression="taskKey = :pending",
                ExpressionAttributeValues=to_item({":pending": PENDING}),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return

    def touch_deletion(self, receipt: TenantDeletion, moment: str) -> None:
        """Write that a deletion is restarted now.

        Raises
        ------
        VersionConflictError
            It made progress meanwhile, or another run restarted it.
        """
        try:
            self._client.update_item(
                TableName=self._users,
                Key=to_item(deletion_key(self._id)),
                UpdateExpression="SET taskSince = :now",
                ConditionExpression="#state = :running AND taskSince = :before",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=to_item(
                    {":now": moment, ":running": DeletionState.RUNNING.value, ":before": receipt.task_since}
                ),
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise VersionConflictError from error

    def _read[M: Model](self, key: Mapping[str, str], model: type[M]) -> M | None:
        answer = self._client.get_item(TableName=self._users, Key=to_item(key), ConsistentRead=True)
        if "Item" not in answer:
            return None
        return read_one(answer["Item"], lambda item: model.model_validate(from_item(item)))

    def _change(self, before: Tenant, changes: Mapping[str, Any]) -> TransactWriteItemTypeDef:
        """Return the write that sets attributes of the tenant (None removes), if it is active and has this version."""
        update = update_of(
            self._users,
            tenant_key(self._id),
            changes,
            condition="#version = :before AND #state = :active",
            values={":before": before.version, ":active": TenantState.ACTIVE.value},
        )
        return {"Update": update}

    def _set_counter(self, changes: Mapping[str, str | None]) -> TransactWriteItemTypeDef:
        return {"Update": update_of(self._tickets, counter_key(self._id), changes)}

    def _copy_writes(self, before: TenantSettings, after: TenantSettings) -> list[TransactWriteItemTypeDef]:
        """Return the writes of the copies of changed settings."""
        writes: list[TransactWriteItemTypeDef] = []
        copies = _copies(after)
        if copies != _copies(before):
            writes.append(self._set_counter(copies))
        if after.auto_close_days != before.auto_close_days:
            key = auto_close_key(self._id)
            if after.auto_close_days is None:
                writes.append({"Delete": {"TableName": self._users, "Key": to_item(key)}})
            else:
                task = {"taskKey": "AUTO_CLOSE", "taskSince": self._id}
                item = key | task | {"tenantId": self._id, "days": after.auto_close_days}
                writes.append({"Put": {"TableName": self._users, "Item": to_item(item)}})
        return writes


def _copies(settings: TenantSettings) -> dict[str, str | None]:
    """Return the copies of settings on the counter; None means that the attribute is absent."""
    priority, who = settings.default_priority, settings.who_may_create
    return {
        "defaultPriority": None if priority is Priority.MEDIUM else priority.value,
        "creators": None if who is WhoMayCreate.EVERYBODY else who.value,
    }


def auto_closing(client: DynamoDBClient, users_table: str) -> Iterator[AutoClose]:
    """Yield the setting of every tenant that closes resolved tickets."""
    query: QueryInputTypeDef = {
        "TableName": users_table,
        "IndexName": "byTask",
        "KeyConditionExpression": "taskKey = :task",
        "ExpressionAttributeValues": {":task": {"S": "AUTO_CLOSE"}},
    }
    yield from read_all(items_of(client, query), _auto_close)


def _auto_close(item: Item) -> AutoClose:
    return AutoClose(item["tenantId"]["S"], int(item["days"]["N"]))
