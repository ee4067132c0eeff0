"""Where tickets live: keys and expressions of the tickets table.

A ticket, its events and what later hangs on it are one item collection under `TENANT#…#TICKET#…`. The indexes of the
lists (`ticketing.queries`) share the range key `listKey`, so that removing that one attribute takes a ticket in the
trash out of every list. docs/architecture.md has the whole layout.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from ticketing.aws.data import TenantData
from ticketing.dynamodb import cursors
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.tables import (
    Page,
    full_page_of,
    items_of,
    page_of,
    put_new,
    tenant_prefix,
    update_of,
)
from ticketing.dynamodb.transactions import Checks, cancellation_reasons, raise_for_cancellation
from ticketing.tickets import outbox
from ticketing.tickets.events import TicketEvent
from ticketing.tickets.keys import counter_key, list_partition, ticket_key
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import (
    EDITABLE,
    Creators,
    Priority,
    Ticket,
)
from ticketing.tickets.outbox import event_from, item_of
from ticketing.tickets.queries import (
    FILTERED_PAGE,
    NOBODY,
    TicketFilter,
    position,
    query_for,
    unchanged_since,
    without_internal,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef


RETENTION: Final = timedelta(days=30)
"""How long a deleted ticket can be restored, before DynamoDB's TTL removes it."""

_LIST_KEY = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z#[0-9a-f-]{36}")
_EVENT_KEY = re.compile(outbox.KEY_SHAPE)

_NO_CHECKS: Final[Checks] = {}


class TicketExistsError(Exception):
    """A ticket with this id is there already; nothing was written."""

    def __init__(self, ticket: Ticket) -> None:
        super().__init__(ticket.id)
        self.ticket = ticket


class TicketGoneError(Exception):
    """There was a ticket with this id, which is gone for good; nothing was written."""


class NotAmongCreatorsError(Exception):
    """The tenant lets only these create tickets; no number was taken."""

    def __init__(self, creators: Creators) -> None:
        super().__init__(creators)
        self.creators = creators


@dataclass(frozen=True, slots=True)
class TakenNumber:
    """The number of a new ticket, and the priority that the tenant gives one that names none (None: the usual)."""

    number: int
    default_priority: Priority | None


class TicketRepository:
    """The tickets of one tenant. It cannot be made without one, and every key it builds starts with it."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.tickets
        self._tenant_id = data.tenant_id
        self._tenant = tenant_prefix(data.tenant_id)

    def take_number(self, *, among: Collection[Creators]) -> TakenNumber:
        """Take the tenant's next ticket number: one write. A number that is then not used leaves a gap.

        `among` are the settings of the tenant that include the caller: who may create tickets is written next to the
        counter, as is the default priority, so that both are looked at without another request.

        Raises
        ------
        NotAmongCreatorsError
            The tenant has another setting than these. One that has none takes everybody.
        """
        names = {f":{number}": creators for number, creators in enumerate(sorted(among))}
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=to_item(counter_key(self._tenant_id)),
                UpdateExpression="ADD lastNumber :one",
                ConditionExpression=f"attribute_not_exists(creators) OR creators IN ({', '.join(names)})",
                ExpressionAttributeValues=to_item({":one": 1, **names}),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            counter = from_item(cast("dict[str, Any]", error.response)["Item"])
            raise NotAmongCreatorsError(Creators(counter["creators"])) from error
        counter = from_item(answer["Attributes"])
        priority = counter.get("defaultPriority")
        return TakenNumber(counter["lastNumber"], priority and Priority(priority))

    def create(self, ticket: Ticket, event: TicketEvent, checks: Checks = _NO_CHECKS) -> None:
        """Write a new ticket and its event in one transaction, if the checks hold.

        Raises
        ------
        TicketExistsError
            With the ticket that has this id already, in the trash or not.
        TicketGoneError
            There was a ticket with this id, whose events are still there.
        CheckFailedError
            A check does not hold, and none of the above is the case.
        VersionConflictError
            Somebody else is writing a ticket with this id, or somebody who is named.
        """
        new = {
            "Put": {
                "TableName": self._table,
                "Item": to_item(
                    self._key(ticket.id)
                    | ticket.model_dump(mode="json", by_alias=True)
                    | self._index_keys(ticket)
                    | {
                        "tenantKey": list_partition(self._tenant_id),
                        "statusKey": f"{self._tenant}#STATUS#{ticket.status}",
                    }
                ),
                "ConditionExpression": "attribute_not_exists(PK)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
        try:
            self._client.transact_write_items(TransactItems=[new, self._put(event), *checks.values()])  # type: ignore[list-item]
        except self._client.exceptions.TransactionCanceledException as error:
            new_ticket, new_event = (*cancellation_reasons(error), {})[:2]
            if new_ticket.get("Item"):
                raise TicketExistsError(self.ticket_from(new_ticket["Item"])) from error
            if new_event.get("Code") == "ConditionalCheckFailed":
                raise TicketGoneError from error
            raise_for_cancellation(error, checks)
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
        query = query_for(self._table, self._tenant, wanted)
        filtered = "FilterExpression" in query
        if cursor is not None:
            list_key = cursors.decode(cursor, scope=scope, shape=_LIST_KEY)
            query["ExclusiveStartKey"] = position(query, self._key(list_key.partition("#")[2]), list_key)
        # One more than asked for tells whether there is a next page, without an empty one at the end.
        query["Limit"] = FILTERED_PAGE if filtered else limit + 1
        items, last = page_of(self._client, query, limit)
        following = cursors.encode(last["listKey"]["S"], scope=scope) if last else None
        return Page([self.ticket_from(item) for item in items], following)

    def unchanged(self, status: Status, *, since: str) -> Iterator[tuple[str, int]]:
        """Return id and version of each ticket with a status that did not change since a moment, oldest change first.

        One query for each 1 MB, as the caller gets there. They come from an index: what is done to a ticket has to be
        conditional on the version.
        """
        query = unchanged_since(self._table, self._tenant, status, since)
        return ((str(item["id"]["S"]), int(item["version"]["N"])) for item in items_of(self._client, query))

    def update(self, before: Ticket, after: Ticket, event: TicketEvent, checks: Checks = _NO_CHECKS) -> None:
        """Write the changed fields of a ticket and the event in one transaction, if `before` is still its version.

        Raises
        ------
        CheckFailedError
            A check does not hold, of a ticket that did not change.
        VersionConflictError
            The ticket changed, went to the trash or is gone since `before` was read, or somebody who is named changes.
        """
        old, new = before.editable(), after.editable()
        values = {name: new[name] for name in sorted(EDITABLE) if old[name] != new[name]}
        old_keys = self._index_keys(before)
        values |= {name: key for name, key in self._index_keys(after).items() if old_keys[name] != key}
        self._change(after, before.version, values, event, checks)

    def delete(self, before: Ticket, after: Ticket, event: TicketEvent, *, now: datetime) -> None:
        """Move a ticket to the trash; raises VersionConflictError as `update` does."""
        expires = int((now + RETENTION).timestamp())
        values = {"deletedAt": after.deleted_at, "expiresAt": expires, "listKey": None}
        self._change(after, before.version, values, event)

    def restore(self, before: Ticket, after: Ticket, event: TicketEvent) -> None:
        """Take a ticket out of the trash; raises VersionConflictError as `update` does."""
        values = {"deletedAt": None, "expiresAt": None, "listKey": self._index_keys(after)["listKey"]}
        self._change(after, before.version, values, event)

    def comment_update(self, before: Ticket, after: Ticket) -> TransactWriteItemTypeDef:
        """Return the member of a transaction that makes a public comment a change of the ticket, if it is as read."""
        values = {"listKey": self._index_keys(after)["listKey"]}
        if after.first_responded_at and not before.first_responded_at:
            values["firstRespondedAt"] = after.first_responded_at
        return self._update(after, before.version, values)

    def version_check(self, ticket: Ticket) -> TransactWriteItemTypeDef:
        """Return the member of a transaction that fails it unless the ticket is there, in the version that was read."""
        return {
            "ConditionCheck": {
                "TableName": self._table,
                "Key": to_item(self._key(ticket.id)),
                "ConditionExpression": "#version = :version",
                "ExpressionAttributeNames": {"#version": "version"},
                "ExpressionAttributeValues": to_item({":version": ticket.version}),
            }
        }

    def history(self, ticket_id: str, *, limit: int, cursor: str | None, internal: bool = True) -> Page[TicketEvent]:
        """Return one page of a ticket's events, oldest first, with or without those of internal comments.

        One consistent query, unless what is left out is much.

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
            "ExpressionAttributeValues": to_item({":pk": partition, ":events": outbox.PREFIX}),
            "ConsistentRead": True,
            "Limit": limit + 1,
        }
        if not internal:
            query = without_internal(query)
        if cursor is not None:
            query["ExclusiveStartKey"] = to_item(
                {"PK": partition, "SK": cursors.decode(cursor, scope=scope, shape=_EVENT_KEY)}
            )
        items, last = full_page_of(self._client, query, limit)
        position = cursors.encode(last["SK"]["S"], scope=scope) if last else None
        return Page([event_from(item) for item in items], position)

    @staticmethod
    def ticket_from(item: Mapping[str, Any]) -> Ticket:
        """Return the ticket that an item of the table holds."""
        return Ticket.model_validate(from_item(item))

    def _read(self, ticket_id: str) -> Ticket | None:
        key = to_item(self._key(ticket_id))
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return self.ticket_from(answer["Item"]) if "Item" in answer else None

    def _change(
        self, after: Ticket, version: int, values: Mapping[str, Any], event: TicketEvent, checks: Checks = _NO_CHECKS
    ) -> None:
        """Set the values of a ticket (None removes), its version and time, and put the event, all or nothing."""
        change = self._update(after, version, values)
        try:
            self._client.transact_write_items(TransactItems=[change, self._put(event), *checks.values()])
        except self._client.exceptions.TransactionCanceledException as error:
            raise_for_cancellation(error, checks)
            raise

    def _update(self, after: Ticket, version: int, values: Mapping[str, Any]) -> TransactWriteItemTypeDef:
        values = {**values, "version": after.version, "updatedAt": after.updated_at}
        return {
            "Update": update_of(
                self._table, self._key(after.id), values, condition="#version = :before", values={":before": version}
            )
        }

    def _put(self, event: TicketEvent) -> TransactWriteItemTypeDef:
        # Never over another: a version has one event, and those of a ticket that is gone for good stay as they are.
        return put_new(self._table, item_of(event))

    def _key(self, ticket_id: str) -> dict[str, str]:
        return ticket_key(self._tenant_id, ticket_id)

    def _index_keys(self, ticket: Ticket) -> dict[str, str]:
        """Return the index keys that follow from what any function may write; `statusKey` is the state machine's."""
        return {
            "assigneeKey": f"{self._tenant}#ASSIGNEE#{ticket.assigned_to_id or NOBODY}",
            "reporterKey": f"{self._tenant}#REPORTER#{ticket.reporter_id}",
            "listKey": f"{ticket.updated_at}#{ticket.id}",
        }
