"""Audit events in DynamoDB: one partition per tenant in the tickets table, whose stream publishes them.

Their range keys start like those of tickets' events (`EVENT#`), which is what the publisher's filter lets through.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from ticketing.audit.models import KEPT, AuditEvent
from ticketing.aws.data import TenantData
from ticketing.dynamodb import cursors
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.tables import Page, page_of, put_new, tenant_prefix

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef

_POSITION: Final = re.compile(r"EVENT#[0-9T:.-]{23}Z#[0-9a-f-]{36}")


def audit_partition(tenant_id: str) -> str:
    """Return the partition key of a tenant's audit events."""
    return f"{tenant_prefix(tenant_id)}#AUDIT"


def is_audit_event(key: Mapping[str, Any]) -> bool:
    """Return whether an item with this key (in DynamoDB's JSON) is an audit event."""
    return bool(key["PK"]["S"].endswith("#AUDIT"))


def event_from(item: Mapping[str, Any]) -> AuditEvent:
    """Return the audit event that an item (in DynamoDB's JSON) holds.

    Raises
    ------
    ValueError
        The item is not an audit event.
    """
    return AuditEvent.model_validate(from_item(item))


def recorded(table: str, event: AuditEvent) -> TransactWriteItemTypeDef:
    """Return the write of an audit event into the tickets table, for the transaction of the change."""
    expires_at = int((datetime.fromisoformat(event.occurred_at) + KEPT).timestamp())
    key = {"PK": audit_partition(event.tenant_id), "SK": f"EVENT#{event.occurred_at}#{event.id}"}
    return put_new(table, key | event.model_dump(mode="json", by_alias=True) | {"expiresAt": expires_at})


class AuditRepository:
    """The audit events of one tenant. Every key it builds starts with the tenant's id."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.tickets
        self._partition = audit_partition(data.tenant_id)

    def list(self, *, limit: int, cursor: str | None) -> Page[AuditEvent]:
        """Return one page of the events as last written, the newest first: one query.

        Raises
        ------
        BadRequestError
            The cursor was altered or belongs to another tenant.
        """
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "PK = :audit",
            "ExpressionAttributeValues": to_item({":audit": self._partition}),
            "ScanIndexForward": False,
            "ConsistentRead": True,
            "Limit": limit + 1,  # one more than requested shows whether there is a next page
        }
        if cursor is not None:
            position = cursors.decode(cursor, scope=self._partition, shape=_POSITION)
            query["ExclusiveStartKey"] = to_item({"PK": self._partition, "SK": position})
        events, last = page_of(self._client, query, limit, event_from)
        following = cursors.encode(last["SK"]["S"], scope=self._partition) if last else None
        return Page(events, following)


def partitions(data: TenantData) -> Iterator[str]:
    """Yield the partitions of the tickets table that hold the tenant's audit events."""
    yield audit_partition(data.tenant_id)
