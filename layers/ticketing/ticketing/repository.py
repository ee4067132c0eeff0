"""Where tickets live: the only module that knows keys, indexes and expressions of the tickets table.

A ticket, its events and what later hangs on it are one item collection under `TENANT#…#TICKET#…`. Four sparse indexes
serve the lists; all share the range key `listKey`, so that removing that one attribute takes a ticket in the trash out
of every list. docs/architecture.md has the whole layout.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import ClientError

from ticketing import cursors
from ticketing.attributes import from_item, to_attribute, to_item
from ticketing.events import TicketEvent
from ticketing.identity import TENANT_ID
from ticketing.lifecycle import Status
from ticketing.models import EDITABLE, Priority, Ticket, TicketType

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef

type Item = Mapping[str, Any]

RETENTION: Final = timedelta(days=30)
"""How long a deleted ticket can be restored, before DynamoDB's TTL removes it."""

NOBODY: Final = "none"
"""Stands for "no assignee" in filters and in the assignee index."""

_FILTERED_PAGE = 400
"""How many tickets a list page may read when a filter is left that no index serves; bounds its cost and time."""

_INDEXES: Final = {
    "byReporter": "reporterKey",
    "byAssignee": "assigneeKey",
    "byStatus": "statusKey",
    "byChange": "tenantKey",
}
"""The indexes and their partition keys; the range key of each is `listKey`."""

_LIST_KEY = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z#[0-9a-f-]{36}")
_EVENT_KEY = re.compile(r"EVENT#\d{10}")

_LOST_RACE = frozenset({"ConditionalCheckFailed", "TransactionConflict"})


class VersionConflictError(Exception):
    """Somebody else changed the ticket between the read and the write; nothing was written."""


class TicketExistsError(Exception):
    """A ticket with this id is there already; nothing was written."""

    def __init__(self, ticket: Ticket) -> None:
        super().__init__(ticket.id)
        self.ticket = ticket


class TicketGoneError(Exception):
    """There was a ticket with this id, which is gone for good; nothing was written."""


@dataclass(frozen=True, slots=True)
class TicketFilter:
    """Which tickets a list holds; None leaves a field open. `assigned_to_id` may be `NOBODY`."""

    status: Status | None = None
    priority: Priority | None = None
    type: TicketType | None = None
    assigned_to_id: str | None = None
    reporter_id: str | None = None
    tag: str | None = None

    def __str__(self) -> str:
        """Return the filter as the text that a cursor is bound to."""
        fields = (self.status, self.priority, self.type, self.assigned_to_id, self.reporter_id, self.tag)
        return json.dumps(fields)


@dataclass(frozen=True, slots=True)
class Page[T]:
    """One page of a list; `cursor` starts the next one, or is None at the end."""

    items: list[T]
    cursor: str | None


class TicketRepository:
    """The tickets of one tenant. It cannot be made without one, and every key it builds starts with it."""

    def __init__(self, client: DynamoDBClient, table: str, tenant_id: str) -> None:
        if not TENANT_ID.fullmatch(tenant_id):
            message = "a repository needs a tenant's id"
            raise ValueError(message)
        self._client = client
        self._table = table
        self._tenant = f"TENANT#{tenant_id}"

    def next_number(self) -> int:
        """Take the tenant's next ticket number: one write. A number that is then not used leaves a gap."""
        answer = self._client.update_item(
            TableName=self._table,
            Key=to_item({"PK": f"{self._tenant}#COUNTER", "SK": "TICKETS"}),
            UpdateExpression="ADD lastNumber :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["lastNumber"]["N"])

    def create(self, ticket: Ticket, event: TicketEvent) -> None:
        """Write a new ticket and its event in one transaction.

        Raises
        ------
        TicketExistsError
            With the ticket that has this id already, in the trash or not.
        TicketGoneError
            There was a ticket with this id, whose events are still there.
        VersionConflictError
            Somebody else is writing a ticket with this id.
        """
        new = {
            "Put": {
                "TableName": self._table,
                "Item": to_item(
                    self._key(ticket.id)
                    | ticket.model_dump(mode="json", by_alias=True)
                    | self._index_keys(ticket)
                    | {"tenantKey": f"{self._tenant}#TICKETS", "statusKey": f"{self._tenant}#STATUS#{ticket.status}"}
                ),
                "ConditionExpression": "attribute_not_exists(PK)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
        try:
            self._client.transact_write_items(TransactItems=[new, self._put(event)])  # type: ignore[list-item]
        except self._client.exceptions.TransactionCanceledException as error:
            new_ticket, new_event = (*_reasons(error), {})[:2]
            if new_ticket.get("Item"):
                raise TicketExistsError(self.ticket_from(new_ticket["Item"])) from error
            if new_event.get("Code") == "ConditionalCheckFailed":
                raise TicketGoneError from error
            _raise_if_lost_race(error)
            raise

    def get(self, ticket_id: str) -> Ticket | None:
        """Return a ticket as last written (a consistent read), or None if there is none or it is in the trash."""
        ticket = self._read(ticket_id)
        return ticket if ticket and ticket.deleted_at is None else None

    def get_deleted(self, ticket_id: str, *, now: datetime) -> Ticket | None:
        """Return a ticket whether or not it is in the trash, or None if there is none or its time there is over.

        DynamoDB removes expired items only within days, so what should be gone by `now` is treated as gone.
        """
        ticket = self._read(ticket_id)
        if ticket and ticket.deleted_at and datetime.fromisoformat(ticket.deleted_at) + RETENTION <= now:
            return None
        return ticket

    def list(self, wanted: TicketFilter, *, limit: int, cursor: str | None) -> Page[Ticket]:
        """Return one page of the tickets that match, newest change first: one query of the fitting index.

        Where the index serves the whole filter, the page is full unless it is the last or reaches 1 MB of texts. A
        filter that is left over is applied to at most 400 tickets a page, so such a page may be short or empty and
        still name a next one.

        Raises
        ------
        BadRequestError
            The cursor was altered, or belongs to another tenant or filter.
        """
        scope = f"{self._tenant} tickets {wanted}"
        query = self._query_for(wanted)
        filtered = "FilterExpression" in query
        if cursor is not None:
            query["ExclusiveStartKey"] = self._list_position(
                query, cursors.decode(cursor, scope=scope, shape=_LIST_KEY)
            )
        # One more than asked for tells whether there is a next page, without an empty one at the end.
        query["Limit"] = _FILTERED_PAGE if filtered else limit + 1
        items, last = self._page(query, limit)
        following = cursors.encode(last["listKey"]["S"], scope=scope) if last else None
        return Page([self.ticket_from(item) for item in items], following)

    def update(self, before: Ticket, after: Ticket, event: TicketEvent) -> None:
        """Write the changed fields of a ticket and the event in one transaction, if `before` is still its version.

        Raises
        ------
        VersionConflictError
            The ticket changed, went to the trash or is gone since `before` was read.
        """
        old, new = before.editable(), after.editable()
        values = {name: new[name] for name in sorted(EDITABLE) if old[name] != new[name]}
        old_keys = self._index_keys(before)
        values |= {name: key for name, key in self._index_keys(after).items() if old_keys[name] != key}
        self._change(after, before.version, values, event)

    def delete(self, before: Ticket, after: Ticket, event: TicketEvent, *, now: datetime) -> None:
        """Move a ticket to the trash; raises VersionConflictError as `update` does."""
        expires = int((now + RETENTION).timestamp())
        values = {"deletedAt": after.deleted_at, "expiresAt": expires, "listKey": None}
        self._change(after, before.version, values, event)

    def restore(self, before: Ticket, after: Ticket, event: TicketEvent) -> None:
        """Take a ticket out of the trash; raises VersionConflictError as `update` does."""
        values = {"deletedAt": None, "expiresAt": None, "listKey": self._index_keys(after)["listKey"]}
        self._change(after, before.version, values, event)

    def history(self, ticket_id: str, *, limit: int, cursor: str | None) -> Page[TicketEvent]:
        """Return one page of a ticket's events, oldest first: one consistent query.

        Raises
        ------
        BadRequestError
            The cursor was altered, or belongs to another ticket.
        """
        partition = self._key(ticket_id)["PK"]
        scope = f"{partition} history"
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "PK = :pk AND begins_with(SK, :events)",
            "ExpressionAttributeValues": to_item({":pk": partition, ":events": "EVENT#"}),
            "ConsistentRead": True,
            "Limit": limit + 1,
        }
        if cursor is not None:
            query["ExclusiveStartKey"] = to_item(
                {"PK": partition, "SK": cursors.decode(cursor, scope=scope, shape=_EVENT_KEY)}
            )
        items, last = self._page(query, limit)
        position = cursors.encode(last["SK"]["S"], scope=scope) if last else None
        return Page([_event_from(item) for item in items], position)

    @staticmethod
    def ticket_from(item: Mapping[str, Any]) -> Ticket:
        """Return the ticket that an item of the table holds."""
        return Ticket.model_validate(from_item(item))

    def _read(self, ticket_id: str) -> Ticket | None:
        key = to_item(self._key(ticket_id))
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return self.ticket_from(answer["Item"]) if "Item" in answer else None

    def _page(
        self, query: QueryInputTypeDef, limit: int
    ) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any] | None]:
        """Return at most `limit` items of a query, and the one that the next page follows, or None at the end."""
        answer = self._client.query(**query)
        items = answer["Items"]
        if len(items) > limit:
            return items[:limit], items[limit - 1]
        return items, answer.get("LastEvaluatedKey")  # also where DynamoDB ended the page, at 1 MB of long texts

    def _change(self, after: Ticket, version: int, values: Mapping[str, Any], event: TicketEvent) -> None:
        """Set the values of a ticket (None removes), its version and time, and put the event, all or nothing."""
        values = {**values, "version": after.version, "updatedAt": after.updated_at}
        names = list(values)
        setting = ", ".join(f"#{i} = :{i}" for i, name in enumerate(names) if values[name] is not None)
        removing = ", ".join(f"#{i}" for i, name in enumerate(names) if values[name] is None)
        change: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self._table,
                "Key": to_item(self._key(after.id)),
                "UpdateExpression": f"SET {setting}" + (f" REMOVE {removing}" if removing else ""),
                "ConditionExpression": "version = :before",
                "ExpressionAttributeNames": {f"#{i}": name for i, name in enumerate(names)},
                "ExpressionAttributeValues": {
                    ":before": to_attribute(version),
                    **{f":{i}": to_attribute(values[name]) for i, name in enumerate(names) if values[name] is not None},
                },
            }
        }
        try:
            self._client.transact_write_items(TransactItems=[change, self._put(event)])
        except self._client.exceptions.TransactionCanceledException as error:
            _raise_if_lost_race(error)
            raise

    def _put(self, event: TicketEvent) -> TransactWriteItemTypeDef:
        item = self._key(event.ticket_id) | {
            "SK": f"EVENT#{event.version:010d}",
            "eventId": event.id,
            "eventType": event.type,
            "schemaVersion": event.schema_version,
            "tenantId": event.tenant_id,
            "ticketId": event.ticket_id,
            "version": event.version,
            "occurredAt": event.occurred_at,
            "actorId": event.actor.id,
            "actorRole": event.actor.role,
            "changes": {name: change.model_dump(by_alias=True) for name, change in event.changes.items()},
            "comment": event.comment,
        }
        # Never over another: a version has one event, and those of a ticket that is gone for good stay as they are.
        return {
            "Put": {
                "TableName": self._table,
                "Item": to_item(item),
                "ConditionExpression": "attribute_not_exists(PK)",
            }
        }

    def _key(self, ticket_id: str) -> dict[str, str]:
        return {"PK": f"{self._tenant}#TICKET#{ticket_id}", "SK": "TICKET"}

    def _index_keys(self, ticket: Ticket) -> dict[str, str]:
        """Return the index keys that follow from what any function may write; `statusKey` is the state machine's."""
        return {
            "assigneeKey": f"{self._tenant}#ASSIGNEE#{ticket.assigned_to_id or NOBODY}",
            "reporterKey": f"{self._tenant}#REPORTER#{ticket.reporter_id}",
            "listKey": f"{ticket.updated_at}#{ticket.id}",
        }

    def _query_for(self, wanted: TicketFilter) -> QueryInputTypeDef:
        """Return the query of the narrowest index for a filter, with the rest of it as a filter expression."""
        rest = {
            "reporterId": wanted.reporter_id,
            "assignedToId": wanted.assigned_to_id,
            "status": wanted.status,
            "priority": wanted.priority,
            "type": wanted.type,
        }
        if wanted.reporter_id:
            index, partition = "byReporter", f"REPORTER#{rest.pop('reporterId')}"
        elif wanted.assigned_to_id:
            index, partition = "byAssignee", f"ASSIGNEE#{rest.pop('assignedToId')}"
        elif wanted.status:
            index, partition = "byStatus", f"STATUS#{rest.pop('status')}"
        else:
            index, partition = "byChange", "TICKETS"
        conditions = [f"#{name} = :{name}" for name, value in rest.items() if value is not None and value != NOBODY]
        names = {f"#{name}": name for name, value in rest.items() if value is not None}
        values: dict[str, Any] = {f":{name}": value for name, value in rest.items() if value not in {None, NOBODY}}
        if rest.get("assignedToId") == NOBODY:
            conditions.append("attribute_not_exists(#assignedToId)")
        if wanted.tag:
            conditions.append("contains(tags, :tag)")
            values[":tag"] = wanted.tag
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "IndexName": index,
            "KeyConditionExpression": f"{_INDEXES[index]} = :partition",
            "ExpressionAttributeValues": to_item({":partition": f"{self._tenant}#{partition}", **values}),
            "ScanIndexForward": False,
        }
        if conditions:
            query["FilterExpression"] = " AND ".join(conditions)
        if names:
            query["ExpressionAttributeNames"] = names
        return query

    def _list_position(self, query: QueryInputTypeDef, list_key: str) -> dict[str, Any]:
        """Return the start key of a query at a position: all of it follows from the query and the `listKey`."""
        partition = query["ExpressionAttributeValues"][":partition"]
        ticket_id = list_key.partition("#")[2]
        return {_INDEXES[query["IndexName"]]: partition, **to_item(self._key(ticket_id) | {"listKey": list_key})}


def _event_from(item: Mapping[str, Any]) -> TicketEvent:
    values = from_item(item)
    values |= {
        "id": values["eventId"],
        "type": values["eventType"],
        "actor": {"id": values["actorId"], "role": values["actorRole"]},
    }
    return TicketEvent.model_validate(values)


def _reasons(error: ClientError) -> list[dict[str, Any]]:
    """Return why a transaction was cancelled: one reason for each of its items, in order."""
    reasons: list[dict[str, Any]] = cast("dict[str, Any]", error.response).get("CancellationReasons") or [{}]
    return reasons


def _raise_if_lost_race(error: ClientError) -> None:
    """Raise VersionConflictError if a transaction was cancelled because somebody else was first."""
    reasons = {reason.get("Code") for reason in _reasons(error)}
    if reasons & _LOST_RACE and reasons <= _LOST_RACE | {"None"}:
        raise VersionConflictError from error
