"""Tickets in DynamoDB: the keys and expressions of the tickets table.

A ticket, its events, comments and watchers are one item collection under `TENANT#…#TICKET#…`. The indexes of the lists
(`tickets/queries.py`) share the range key `listKey`: removing this attribute removes a ticket in the trash from every
list. docs/architecture.md has the whole layout.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from typing import TYPE_CHECKING, Any, Final, cast

from ticketing.aws.data import TenantData
from ticketing.dynamodb import cursors
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.damage import read_all, read_one
from ticketing.dynamodb.tables import (
    Page,
    ThrottledError,
    batch_get,
    fitting_of,
    full_page_of,
    items_of,
    merged_page_of,
    put_new,
    tenant_prefix,
    update_of,
)
from ticketing.dynamodb.transactions import Checks, cancellation_reasons, raise_for_cancellation
from ticketing.errors import ServiceUnavailableError
from ticketing.tickets import outbox
from ticketing.tickets.events import TicketEvent
from ticketing.tickets.keys import counter_key, list_partition, ticket_key
from ticketing.tickets.kinds import Creators, Priority, Sort
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import EDITABLE, Ticket
from ticketing.tickets.outbox import event_from, item_of
from ticketing.tickets.queries import (
    FILTERED_PAGE,
    NOBODY,
    TicketFilter,
    is_served_by_number,
    number_query,
    position,
    queries_for,
    unchanged_since,
    without_internal,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef


RETENTION: Final = timedelta(days=30)
"""How long a deleted ticket can be restored, before DynamoDB's TTL removes it."""

_READ_AT_ONCE: Final = 100
"""How many tickets of a list by number are read at once: one BatchGetItem."""

_LIST_KEY = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z#[0-9a-f-]{36}")
_NUMBER_KEY = re.compile(r"[0-9]{1,15}#[0-9a-f-]{36}")
_EVENT_KEY = re.compile(outbox.KEY_SHAPE)

_NO_CHECKS: Final[Checks] = {}


class TicketExistsError(Exception):
    """A ticket with this id exists already. Nothing was written."""

    def __init__(self, ticket: Ticket) -> None:
        super().__init__(ticket.id)
        self.ticket = ticket


class TicketGoneError(Exception):
    """A ticket with this id was deleted permanently. Nothing was written."""


class NotAmongCreatorsError(Exception):
    """The tenant's setting does not let the caller create tickets. No number was taken."""

    def __init__(self, creators: Creators) -> None:
        super().__init__(creators)
        self.creators = creators


@dataclass(frozen=True, slots=True)
class TakenNumber:
    """The number of a new ticket, and the tenant's default priority (None for the general default)."""

    number: int
    default_priority: Priority | None


class TicketRepository:
    """The tickets of one tenant. Every key it builds starts with the tenant's id."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.tickets
        self._tenant_id = data.tenant_id
        self._tenant = tenant_prefix(data.tenant_id)

    def take_number(self, *, among: Collection[Creators]) -> TakenNumber:
        """Take the tenant's next ticket number: one write. A number that is not used leaves a gap.

        `among` are the values of the tenant's setting that let the caller create tickets. The counter's item has a copy
        of that setting and of the default priority, so they need no other request.

        Raises
        ------
        NotAmongCreatorsError
            The tenant has another setting. Without a setting, everybody may create tickets.
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
        """Write a new ticket and its event in one transaction, if the checks pass.

        Raises
        ------
        TicketExistsError
            A ticket has this id already, in the trash or not; `ticket` is that one.
        TicketGoneError
            A ticket with this id was deleted, and its events still exist.
        CheckFailedError
            A check failed, and none of the above is the case.
        VersionConflictError
            Another transaction writes this ticket or a person whom it names.
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

    def get_all(self, ticket_ids: Iterable[str]) -> Mapping[str, Ticket]:
        """Return those of these tickets that are there and not in the trash, as last written, by id.

        One batch of consistent reads for every 100. One that can't be read is left out.

        Raises
        ------
        ServiceUnavailableError
            DynamoDB throttled the reads, and retries did not help.
        """
        keys = (self._key(each) for each in ticket_ids)
        try:
            found = [
                *read_all(batch_get(self._client, self._table, keys, {"Keys": [], "ConsistentRead": True}), _ticket)
            ]
        except ThrottledError as error:
            message = "The tickets table is throttled. Try again."
            raise ServiceUnavailableError(message) from error
        return {ticket.id: ticket for ticket in found if ticket.deleted_at is None}

    def get_deleted(self, ticket_id: str, *, now: datetime) -> Ticket | None:
        """Return a ticket, in the trash or not. None if there is none, or it has expired in the trash.

        DynamoDB deletes expired items within days only, so tickets that have expired by `now` are ignored.
        """
        ticket = self._read(ticket_id)
        if ticket and ticket.deleted_at and datetime.fromisoformat(ticket.deleted_at) + RETENTION <= now:
            return None
        return ticket

    def list(
        self, wanted: TicketFilter, *, limit: int, cursor: str | None, sort: Sort = Sort.LAST_UPDATED
    ) -> Page[Ticket]:
        """Return one page of the tickets that match.

        By time of change it takes one query of the most selective index, or one for each value that it is asked for. By
        number it takes one query of the keys, and one batch read for every 100 tickets.

        If the index serves the whole filter, the page is full unless it is the last, reaches 1 MB of texts, or holds a
        damaged ticket or, by number, one in the trash. The rest of a filter is applied to at most 400 tickets a page:
        the page may be short or empty and still have a next one.

        Raises
        ------
        BadRequestError
            The cursor was altered or belongs to another tenant, filter or order.
        ServiceUnavailableError
            DynamoDB throttled the batch reads, and retries did not help.
        """
        scope = f"{self._tenant} tickets {wanted} {sort}"
        by_number = sort.by_number or wanted.number is not None
        read, shape = (self._page_by_number, _NUMBER_KEY) if by_number else (self._page_by_change, _LIST_KEY)
        start = None if cursor is None else cursors.decode(cursor, scope=scope, shape=shape)
        tickets, end = read(wanted, limit, start, descending=sort.descending)
        return Page([*tickets], None if end is None else cursors.encode(end, scope=scope))

    def _page_by_change(
        self, wanted: TicketFilter, limit: int, start: str | None, *, descending: bool
    ) -> tuple[Iterable[Ticket], str | None]:
        """Return the tickets of a page that starts after a `listKey`, and the one after which the next page starts."""
        if start is not None and start < (wanted.updated_since or ""):
            raise cursors.not_given_out()  # DynamoDB refuses to start where the query does not go
        queries = queries_for(self._table, self._tenant, wanted, descending=descending)
        for query in queries:
            if start is not None:
                query["ExclusiveStartKey"] = position(query, self._key(start.partition("#")[2]), {"listKey": start})
            # One more than requested shows whether there is a next page, without an empty page at the end.
            query["Limit"] = FILTERED_PAGE // len(queries) if "FilterExpression" in query else limit + 1
        return merged_page_of(self._client, queries, limit, _ticket, by="listKey")

    def _page_by_number(
        self, wanted: TicketFilter, limit: int, start: str | None, *, descending: bool
    ) -> tuple[Iterable[Ticket], str | None]:
        """Return the tickets of a page that starts after a place, `<number>#<id>`, and the place that it ends with."""
        query = number_query(self._table, self._tenant, wanted, descending=descending)
        if start is not None:
            number, _, ticket_id = start.partition("#")
            if wanted.number not in {None, int(number)}:
                raise cursors.not_given_out()  # likewise
            query["ExclusiveStartKey"] = position(query, self._key(ticket_id), {"number": int(number)})
        served = is_served_by_number(wanted)
        query["Limit"] = limit + 1 if served else FILTERED_PAGE
        answer = self._client.query(**query)
        places = [f"{key['number']['N']}#{key['PK']['S'].rpartition('#')[2]}" for key in answer["Items"]]
        found: dict[str, Ticket] = {}
        end = None
        for batch in batched(places[:limit] if served else places, _READ_AT_ONCE, strict=False):
            ids = {place: place.partition("#")[2] for place in batch}
            there = self.get_all(ids.values())
            matching = ((place, there[each]) for place, each in ids.items() if each in there)
            found |= {place: ticket for place, ticket in matching if wanted.matches(ticket)}
            end = batch[-1]
            if len(found) >= limit:
                break
        fitting = fitting_of(ticket.model_dump(mode="json", by_alias=True) for ticket in found.values())
        first = [*found][: min(limit, fitting)]
        if len(first) < len(found):
            end = first[-1]
        is_last = "LastEvaluatedKey" not in answer and end in {None, *places[-1:]}
        return [found[place] for place in first], None if is_last else end

    def unchanged(self, status: Status, *, since: str) -> Iterator[tuple[str, int]]:
        """Return id and version of each ticket with a status and no change since a time, oldest change first.

        One query for each 1 MB, on demand. They come from an index (eventually consistent), so a write must be
        conditional on the version.
        """
        query = unchanged_since(self._table, self._tenant, status, since)
        return read_all(items_of(self._client, query), lambda item: (str(item["id"]["S"]), int(item["version"]["N"])))

    def update(self, before: Ticket, after: Ticket, event: TicketEvent, checks: Checks = _NO_CHECKS) -> None:
        """Write the changed fields of a ticket and the event in one transaction, if `before` is the current version.

        Raises
        ------
        CheckFailedError
            A check failed, and the ticket did not change.
        VersionConflictError
            The ticket was changed or deleted after `before` was read, or a person whom it names is being changed.
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
        """Return the write, for a transaction, with which a public comment changes its ticket, if it is unchanged."""
        values = {"listKey": self._index_keys(after)["listKey"]}
        if after.first_responded_at and not before.first_responded_at:
            values["firstRespondedAt"] = after.first_responded_at
        return self._update(after, before.version, values)

    def version_check(self, ticket: Ticket) -> TransactWriteItemTypeDef:
        """Return the condition check, for a transaction, that the ticket still has the version that was read."""
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

        It takes one consistent query, or more if many internal events are left out.

        Raises
        ------
        BadRequestError
            The cursor was altered or belongs to another ticket.
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
        events, last = full_page_of(self._client, query, limit, event_from)
        position = cursors.encode(last["SK"]["S"], scope=scope) if last else None
        return Page(events, position)

    @staticmethod
    def ticket_from(item: Mapping[str, Any]) -> Ticket:
        """Return the ticket of an item, or raise DamagedItemError."""
        return read_one(item, _ticket)

    def _read(self, ticket_id: str) -> Ticket | None:
        key = to_item(self._key(ticket_id))
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return self.ticket_from(answer["Item"]) if "Item" in answer else None

    def _change(
        self, after: Ticket, version: int, values: Mapping[str, Any], event: TicketEvent, checks: Checks = _NO_CHECKS
    ) -> None:
        """Set attributes of a ticket (None removes), its version and time, and write the event, in one transaction."""
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
        # It never overwrites an event: a version has one, and those of permanently deleted tickets stay unchanged.
        return put_new(self._table, item_of(event))

    def _key(self, ticket_id: str) -> dict[str, str]:
        return ticket_key(self._tenant_id, ticket_id)

    def _index_keys(self, ticket: Ticket) -> dict[str, str]:
        """Return the index keys of fields that any function may write. Only the state machine writes `statusKey`."""
        return {
            "assigneeKey": f"{self._tenant}#ASSIGNEE#{ticket.assigned_to_id or NOBODY}",
            "reporterKey": f"{self._tenant}#REPORTER#{ticket.reporter_id}",
            "listKey": f"{ticket.updated_at}#{ticket.id}",
        }


def _ticket(item: Mapping[str, Any]) -> Ticket:
    return Ticket.model_validate(from_item(item))
