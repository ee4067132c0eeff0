"""The filters of ticket lists, and their queries of the tickets table.

Four sparse indexes serve the lists by time of change. All have the range key `listKey` = `<updatedAt>#<id>`. Two serve
the lists by number, which also have the tickets in the trash, and keys alone.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ticketing.dynamodb.attributes import to_item
from ticketing.tickets.kinds import Priority, TicketType, Visibility
from ticketing.tickets.lifecycle import Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

    from ticketing.tickets.models import Ticket

FILTERED_PAGE: Final = 400
"""How many items a page reads at most if no index serves the whole filter. Limits cost and time."""

NOBODY: Final = "none"
"""Stands for "no assignee" in filters and in the assignee index."""

_INDEXES: Final = {
    "byReporter": "reporterKey",
    "byAssignee": "assigneeKey",
    "byStatus": "statusKey",
    "byChange": "tenantKey",
    "byReporterNumber": "reporterKey",
    "byNumber": "tenantKey",
}
"""The indexes and their partition keys. The range key of the first four is `listKey`, of the others `number`."""


@dataclass(frozen=True, slots=True)
class TicketFilter:
    """Which tickets a list contains: those that have one of the values of each field; without values, any.

    `assigned_to_id` may contain `NOBODY`. `updated_since` is in the format of the times of tickets.
    """

    status: tuple[Status, ...] = ()
    priority: tuple[Priority, ...] = ()
    type: tuple[TicketType, ...] = ()
    assigned_to_id: tuple[str, ...] = ()
    reporter_id: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    number: int | None = None
    updated_since: str | None = None

    def __str__(self) -> str:
        """Return the filter as the text that a cursor is bound to."""
        return json.dumps(astuple(self))

    def matches(self, ticket: Ticket) -> bool:
        """Return whether a list of this filter contains a ticket that is not in the trash."""
        pairs: list[tuple[Collection[str], str]] = [
            (self.status, ticket.status),
            (self.priority, ticket.priority),
            (self.type, ticket.type),
            (self.assigned_to_id, ticket.assigned_to_id or NOBODY),
            (self.reporter_id, ticket.reporter_id),
        ]
        return (
            all(not values or value in values for values, value in pairs)
            and (not self.tag or not set(self.tag).isdisjoint(ticket.tags))
            and self.number in {None, ticket.number}
            and (self.updated_since or "") <= ticket.updated_at
        )


def queries_for(table: str, tenant: str, wanted: TicketFilter, *, descending: bool) -> list[QueryInputTypeDef]:
    """Return the queries, by time of change, that a list is merged from: one for each value that an index is asked for.

    It is the most selective index for the filter, whose rest is a filter expression. `tenant` is the prefix of the
    tenant's keys.
    """
    rest: dict[str, Collection[str]] = {
        "reporterId": wanted.reporter_id,
        "assignedToId": wanted.assigned_to_id,
        "status": wanted.status,
        "priority": wanted.priority,
        "type": wanted.type,
    }
    if wanted.reporter_id:
        index, partitions = "byReporter", [f"REPORTER#{value}" for value in rest.pop("reporterId")]
    elif wanted.assigned_to_id:
        index, partitions = "byAssignee", [f"ASSIGNEE#{value}" for value in rest.pop("assignedToId")]
    elif wanted.status:
        index, partitions = "byStatus", [f"STATUS#{value}" for value in rest.pop("status")]
    else:
        index, partitions = "byChange", ["TICKETS"]
    conditions, names, values = _one_of(rest, wanted.tag)
    condition = f"{_INDEXES[index]} = :partition"
    if wanted.updated_since:
        condition += " AND listKey >= :since"
        values[":since"] = wanted.updated_since
    query: QueryInputTypeDef = {
        "TableName": table,
        "IndexName": index,
        "KeyConditionExpression": condition,
        "ScanIndexForward": not descending,
    }
    if conditions:
        query["FilterExpression"] = " AND ".join(conditions)
    if names:
        query["ExpressionAttributeNames"] = names
    return [
        {**query, "ExpressionAttributeValues": to_item({":partition": f"{tenant}#{partition}", **values})}
        for partition in partitions
    ]


def _one_of(
    fields: Mapping[str, Collection[str]], tags: Collection[str]
) -> tuple[list[str], dict[str, str], dict[str, Any]]:
    """Return the conditions that a ticket has one of the values of each field and one of the tags, if there are any.

    With them come the names and the values that they refer to.
    """
    conditions: list[list[str]] = []
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, wanted in fields.items():
        if wanted:
            names[f"#{name}"] = name
            given = {f":{name}{at}": value for at, value in enumerate(wanted) if value != NOBODY}
            choices = [f"#{name} IN ({', '.join(given)})"] if given else []
            if NOBODY in wanted:
                choices.append(f"attribute_not_exists(#{name})")
            conditions.append(choices)
            values |= given
    if tags:
        given = {f":tag{at}": tag for at, tag in enumerate(tags)}
        conditions.append([f"contains(tags, {tag})" for tag in given])
        values |= given
    # DynamoDB refuses parentheses that it does not need.
    return [f"({' OR '.join(some)})" if len(some) > 1 else some[0] for some in conditions], names, values


def number_query(table: str, tenant: str, wanted: TicketFilter, *, descending: bool) -> QueryInputTypeDef:
    """Return the query of the keys of a list by number: a reporter's or the tenant's, also of tickets in the trash.

    The tickets are read by their keys, and compared with the filter. `tenant` is the prefix of the tenant's keys.
    """
    index, partition = "byNumber", "TICKETS"
    if len(wanted.reporter_id) == 1:
        index, partition = "byReporterNumber", f"REPORTER#{wanted.reporter_id[0]}"
    query: QueryInputTypeDef = {
        "TableName": table,
        "IndexName": index,
        "KeyConditionExpression": f"{_INDEXES[index]} = :partition",
        "ExpressionAttributeValues": to_item({":partition": f"{tenant}#{partition}", ":number": wanted.number}),
        "ScanIndexForward": not descending,
    }
    if wanted.number is not None:
        query["KeyConditionExpression"] += " AND #number = :number"
        query["ExpressionAttributeNames"] = {"#number": "number"}
    return query


def is_served_by_number(wanted: TicketFilter) -> bool:
    """Return whether a query by number has what the filter names, and nothing else but tickets in the trash."""
    rest = replace(wanted, number=None, reporter_id=wanted.reporter_id[1:] and wanted.reporter_id)
    return rest == TicketFilter()


def position(query: QueryInputTypeDef, key: Mapping[str, str], place: Mapping[str, Any]) -> dict[str, Any]:
    """Return the start key of a query after the ticket with this key, and this range key of the index (plain value)."""
    partition = query["ExpressionAttributeValues"][":partition"]
    return {_INDEXES[query["IndexName"]]: partition, **to_item({**key, **place})}


def without_internal(query: QueryInputTypeDef) -> QueryInputTypeDef:
    """Return a query of comments, files or events without internal ones.

    It reads more items than requested, so that a few internal ones in between don't cause a second request.
    """
    values = {**query["ExpressionAttributeValues"], ":internal": {"S": Visibility.INTERNAL.value}}
    return {
        **query,
        "FilterExpression": "attribute_not_exists(visibility) OR visibility <> :internal",
        "ExpressionAttributeValues": values,
        "Limit": FILTERED_PAGE,
    }


def unchanged_since(table: str, tenant: str, status: Status, moment: str) -> QueryInputTypeDef:
    """Return the query of the tickets with a status and no change since a time, oldest change first."""
    return {
        "TableName": table,
        "IndexName": "byStatus",
        "KeyConditionExpression": "statusKey = :status AND listKey < :moment",
        "ExpressionAttributeValues": to_item({":status": f"{tenant}#STATUS#{status}", ":moment": moment}),
    }
