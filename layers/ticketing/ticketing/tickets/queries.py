"""The filters of ticket lists, and their queries of the tickets table.

Four sparse indexes serve the lists. All have the range key `listKey` = `<updatedAt>#<id>`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ticketing.dynamodb.attributes import to_item
from ticketing.tickets.kinds import Priority, TicketType, Visibility
from ticketing.tickets.lifecycle import Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

FILTERED_PAGE: Final = 400
"""How many items a query reads at most if no index serves the whole filter. Limits cost and time."""

NOBODY: Final = "none"
"""Stands for "no assignee" in filters and in the assignee index."""

_INDEXES: Final = {
    "byReporter": "reporterKey",
    "byAssignee": "assigneeKey",
    "byStatus": "statusKey",
    "byChange": "tenantKey",
}
"""The indexes and their partition keys; the range key of each is `listKey`."""


@dataclass(frozen=True, slots=True)
class TicketFilter:
    """Which tickets a list contains; None means any. `assigned_to_id` may be `NOBODY`."""

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


def query_for(table: str, tenant: str, wanted: TicketFilter) -> QueryInputTypeDef:
    """Return the query of the most selective index for a filter, with the rest of it as a filter expression.

    `tenant` is the prefix of the tenant's keys.
    """
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
        "TableName": table,
        "IndexName": index,
        "KeyConditionExpression": f"{_INDEXES[index]} = :partition",
        "ExpressionAttributeValues": to_item({":partition": f"{tenant}#{partition}", **values}),
        "ScanIndexForward": False,
    }
    if conditions:
        query["FilterExpression"] = " AND ".join(conditions)
    if names:
        query["ExpressionAttributeNames"] = names
    return query


def position(query: QueryInputTypeDef, key: Mapping[str, str], list_key: str) -> dict[str, Any]:
    """Return the start key of a query after the ticket with this key and `listKey`."""
    partition = query["ExpressionAttributeValues"][":partition"]
    return {_INDEXES[query["IndexName"]]: partition, **to_item({**key, "listKey": list_key})}


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
