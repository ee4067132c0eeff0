"""The repository of webhooks: keys and expressions of their items in the notifications table.

A webhook's secrets are in its item. Least privilege: only the functions that sign with them (deliverWebhook) and
replace them (rotateSecret) can read them. All others name the attributes that they read, as IAM demands.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic.alias_generators import to_camel

from ticketing.aws.data import TenantData
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.damage import Item, read_all, read_one
from ticketing.dynamodb.tables import items_of, tenant_prefix, update_of
from ticketing.dynamodb.transactions import VersionConflictError, cancellation_codes
from ticketing.people.keys import tenant_key
from ticketing.users.errors import TenantNotFoundError
from ticketing.users.states import TenantState
from ticketing.webhooks.errors import TooManyWebhooksError
from ticketing.webhooks.models import (
    DELIVERIES_KEPT,
    MOST_WAITING,
    MOST_WEBHOOKS,
    Secret,
    Webhook,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef

_NAMES: Final = {f"#{name}": to_camel(name) for name in Webhook.model_fields}
_WITHOUT_SECRETS: Final = ", ".join(["PK", "SK", *_NAMES])

_GONE_FOR: Final = 2 * DELIVERIES_KEPT
"""How long the marker of a deleted webhook is kept: twice as long as its deliveries, because TTL may be late."""

_LOST: Final = "TransactionConflict"
_REFUSED: Final = "ConditionalCheckFailed"


class WebhookRepository:
    """The webhooks of one tenant; every key starts with the tenant."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.notifications
        self._users = data.tables.users
        self._id = data.tenant_id
        self._all = webhook_key(data.tenant_id, "")

    def create(self, webhook: Webhook, secret: Secret, *, alongside: Sequence[TransactWriteItemTypeDef] = ()) -> None:
        """Write a new webhook, if the tenant is active and has fewer than the maximum: one transaction.

        `alongside` are writes of other services in it: the audit event.

        Raises
        ------
        TenantNotFoundError, TooManyWebhooksError
            The tenant is not there or being deleted; it has as many as it may.
        VersionConflictError
            Somebody else is writing one of the tenant's webhooks, or the tenant, at this moment.
        """
        secrets = [secret.model_dump(by_alias=True)]
        item = webhook_key(self._id, webhook.id) | webhook.model_dump(by_alias=True) | {"secrets": secrets}
        check: TransactWriteItemTypeDef = {
            "ConditionCheck": {
                "TableName": self._users,
                "Key": to_item(tenant_key(self._id)),
                "ConditionExpression": "#state = :active",
                "ExpressionAttributeNames": {"#state": "state"},
                "ExpressionAttributeValues": to_item({":active": TenantState.ACTIVE.value}),
            }
        }
        count = self._count(1, "attribute_not_exists(webhooks) OR webhooks < :most", {":most": MOST_WEBHOOKS})
        put: TransactWriteItemTypeDef = {"Put": {"TableName": self._table, "Item": to_item(item)}}
        try:
            self._client.transact_write_items(TransactItems=[check, count, put, *alongside])
        except self._client.exceptions.TransactionCanceledException as error:
            tenant, number, *_ = cancellation_codes(error)
            if tenant == _REFUSED:
                raise TenantNotFoundError from error
            if number == _REFUSED:
                message = f"A tenant has {MOST_WEBHOOKS} webhooks at most. Delete one that is not needed."
                raise TooManyWebhooksError(message) from error
            _raise_if_lost(error)
            raise

    def get(self, webhook_id: str) -> Webhook | None:
        """Return a webhook as last written (a consistent read), or None if there is none."""
        answer = self._client.get_item(
            TableName=self._table,
            Key=to_item(webhook_key(self._id, webhook_id)),
            ConsistentRead=True,
            ProjectionExpression=_WITHOUT_SECRETS,
            ExpressionAttributeNames=_NAMES,
        )
        return read_one(answer["Item"], _webhook) if "Item" in answer else None

    def get_with_secrets(self, webhook_id: str) -> tuple[Webhook, list[Secret]] | None:
        """Return a webhook as last written with its secrets, the current one first, or None if there is none."""
        key = to_item(webhook_key(self._id, webhook_id))
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return read_one(answer["Item"], _webhook_with_secrets) if "Item" in answer else None

    def all(self) -> list[Webhook]:
        """Return all webhooks, the oldest first, as last written: one query."""
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "PK = :tenant AND begins_with(SK, :webhooks)",
            "ExpressionAttributeValues": to_item({":tenant": self._all["PK"], ":webhooks": self._all["SK"]}),
            "ProjectionExpression": _WITHOUT_SECRETS,
            "ExpressionAttributeNames": _NAMES,
            "ConsistentRead": True,
        }
        return list(read_all(items_of(self._client, query), _webhook))

    def edit(
        self,
        before: Webhook,
        after: Webhook,
        secrets: list[Secret] | None = None,
        *,
        alongside: Sequence[TransactWriteItemTypeDef] = (),
    ) -> None:
        """Write what has changed of a webhook, and its secrets if any are given, if `before` is still its version.

        `alongside` are writes of other services in the same transaction: the audit event.

        Raises
        ------
        VersionConflictError
            The webhook changed or is gone since `before` was read.
        """
        old, new = before.model_dump(by_alias=True), after.model_dump(by_alias=True)
        changes: dict[str, Any] = {name: value for name, value in new.items() if value != old[name]}
        if secrets is not None:
            changes["secrets"] = [secret.model_dump(by_alias=True) for secret in secrets]
        update = update_of(
            self._table,
            webhook_key(self._id, before.id),
            changes,
            condition="#version = :before",
            values={":before": before.version},
        )
        try:
            if alongside:
                self._client.transact_write_items(TransactItems=[{"Update": update}, *alongside])
            else:
                self._client.update_item(**update)
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise VersionConflictError from error
        except self._client.exceptions.TransactionCanceledException as error:
            _raise_if_lost(error)
            raise

    def count_failure(self, webhook_id: str, paused_until: str | None) -> None:
        """Count a failed attempt, and pause the webhook if there is a moment until when; nothing if it is gone."""
        changes = {} if paused_until is None else {"pausedUntil": paused_until}
        self._add(webhook_id, {"failures": 1}, changes, "attribute_exists(PK)", {})

    def begin_probe(self, webhook: Webhook, until: str) -> bool:
        """Claim the one attempt that a paused webhook gets, and return whether no other function has it.

        The webhook stays paused until then, which is when the claim ends if the function dies.
        """
        condition = "pausedUntil = :seen"
        return self._add(webhook.id, {}, {"pausedUntil": until}, condition, {":seen": webhook.paused_until})

    def add_waiting(self, webhook_id: str) -> bool:
        """Count one more delivery that waits, and return whether there was room for it."""
        condition = "attribute_exists(PK) AND (attribute_not_exists(waiting) OR waiting < :most)"
        return self._add(webhook_id, {"waiting": 1}, {}, condition, {":most": MOST_WAITING})

    def remove_waiting(self, webhook_id: str) -> None:
        """Count one less."""
        self._add(webhook_id, {"waiting": -1}, {}, "waiting > :none", {":none": 0})

    def _add(
        self, webhook_id: str, numbers: dict[str, int], changes: dict[str, str], condition: str, values: dict[str, Any]
    ) -> bool:
        """Add to numbers of a webhook, set other attributes, and return whether the condition was true.

        The version stays: whoever is changing the webhook at this moment is not disturbed.
        """
        sums = ", ".join(f"{name} :{name}" for name in numbers)
        sets = ", ".join(f"{name} = :{name}" for name in changes)
        parts = [f"ADD {sums}" if sums else "", f"SET {sets}" if sets else ""]
        bound = {f":{name}": value for name, value in {**numbers, **changes}.items()}
        try:
            self._client.update_item(
                TableName=self._table,
                Key=to_item(webhook_key(self._id, webhook_id)),
                UpdateExpression=" ".join(filter(None, parts)),
                ConditionExpression=condition,
                ExpressionAttributeValues=to_item(bound | values),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def delete(self, webhook: Webhook, now: datetime, *, alongside: Sequence[TransactWriteItemTypeDef] = ()) -> None:
        """Delete a webhook with its secrets. A marker stays, which leads to its deliveries until they expire.

        `alongside` are writes of other services in the same transaction: the audit event.

        Raises
        ------
        VersionConflictError
            It changed or is gone since it was read.
        """
        gone = gone_webhook_key(self._id, webhook.id) | {"expiresAt": int((now + _GONE_FOR).timestamp())}
        erase: TransactWriteItemTypeDef = {
            "Delete": {
                "TableName": self._table,
                "Key": to_item(webhook_key(self._id, webhook.id)),
                "ConditionExpression": "version = :read",
                "ExpressionAttributeValues": to_item({":read": webhook.version}),
            }
        }
        put: TransactWriteItemTypeDef = {"Put": {"TableName": self._table, "Item": to_item(gone)}}
        try:
            self._client.transact_write_items(TransactItems=[erase, put, self._count(-1), *alongside])
        except self._client.exceptions.TransactionCanceledException as error:
            _raise_if_lost(error)
            raise

    def _count(
        self, number: int, condition: str | None = None, values: dict[str, Any] | None = None
    ) -> TransactWriteItemTypeDef:
        """Return the write that adds to the number of webhooks."""
        write: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self._table,
                "Key": to_item(webhook_count_key(self._id)),
                "UpdateExpression": "ADD webhooks :number",
                "ExpressionAttributeValues": to_item({":number": number, **(values or {})}),
            }
        }
        if condition is not None:
            write["Update"]["ConditionExpression"] = condition
        return write


def _webhook(item: Item) -> Webhook:
    return Webhook.model_validate(from_item(item))


def _webhook_with_secrets(item: Item) -> tuple[Webhook, list[Secret]]:
    return _webhook(item), [Secret.model_validate(each) for each in from_item(item)["secrets"]]


def _raise_if_lost(error: ClientError) -> None:
    """Raise VersionConflictError if a transaction was canceled because another write was first."""
    if {_LOST, _REFUSED} & set(cancellation_codes(error)):
        raise VersionConflictError from error


def webhook_key(tenant_id: str, webhook_id: str) -> dict[str, str]:
    """Return the key of a webhook; with an empty id, its range key is what all start with."""
    return {"PK": f"{tenant_prefix(tenant_id)}#WEBHOOKS", "SK": f"WEBHOOK#{webhook_id}"}


def gone_webhook_key(tenant_id: str, webhook_id: str) -> dict[str, str]:
    """Return the key of the marker of a deleted webhook, which leads to its deliveries until they expire."""
    return {"PK": f"{tenant_prefix(tenant_id)}#WEBHOOKS", "SK": f"GONE#{webhook_id}"}


def webhook_count_key(tenant_id: str) -> dict[str, str]:
    """Return the key of the number of webhooks that a tenant has."""
    return {"PK": f"{tenant_prefix(tenant_id)}#WEBHOOKS", "SK": "COUNT"}
