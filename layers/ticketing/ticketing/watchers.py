"""Who watches a ticket: its reporter and its assignee by themselves, and whoever chose to.

A choice is an item under the ticket's partition key, `WATCHER#<user id>`. Who has made none has no item.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ticketing.attributes import to_item
from ticketing.tables import items_of, tenant_prefix, ticket_partition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

    from ticketing.events import TicketSummary
    from ticketing.models import Ticket

PREFIX: Final = "WATCHER#"
"""What the range key of every choice starts with."""


def watching(ticket: Ticket | TicketSummary, choices: Mapping[str, bool]) -> set[str]:
    """Return the ids of those who watch a ticket, given who chose to (True) or not to (False)."""
    by_themselves = {ticket.reporter_id, ticket.assigned_to_id} - {None}
    return {str(each) for each in by_themselves if choices.get(str(each), True)} | {
        each for each, chosen in choices.items() if chosen
    }


class Watchers:
    """The choices to watch one tenant's tickets. It cannot be made without a tenant."""

    def __init__(self, client: DynamoDBClient, table: str, tenant_id: str) -> None:
        tenant_prefix(tenant_id)
        self._client = client
        self._table = table
        self._tenant_id = tenant_id

    def choices(self, ticket_id: str) -> dict[str, bool]:
        """Return who chose to watch a ticket (True) or not to (False), by user id: one query for each 1 MB."""
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "PK = :pk AND begins_with(SK, :watchers)",
            "ExpressionAttributeValues": to_item(
                {":pk": ticket_partition(self._tenant_id, ticket_id), ":watchers": PREFIX}
            ),
            "ConsistentRead": True,
        }
        return {
            item["SK"]["S"].removeprefix(PREFIX): item["watching"]["BOOL"] for item in items_of(self._client, query)
        }
