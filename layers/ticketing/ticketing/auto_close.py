"""Which tenants want their resolved tickets closed, and the closing of one tenant's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ticketing.attributes import from_item
from ticketing.clock import timestamp
from ticketing.events import SYSTEM_ID
from ticketing.identity import Caller
from ticketing.lifecycle import Role, Status
from ticketing.tables import items_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

    from ticketing.lifecycle_client import LifecycleClient, Outcome
    from ticketing.repository import TicketRepository


@dataclass(frozen=True, slots=True)
class AutoClose:
    """A tenant's setting: tickets that have been RESOLVED without a change for so many days are closed."""

    tenant_id: str
    days: int


def auto_closing(client: DynamoDBClient, users_table: str) -> Iterator[AutoClose]:
    """Yield the setting of every tenant that has it."""
    query: QueryInputTypeDef = {
        "TableName": users_table,
        "IndexName": "byTask",
        "KeyConditionExpression": "taskKey = :task",
        "ExpressionAttributeValues": {":task": {"S": "AUTO_CLOSE"}},
    }
    for item in map(from_item, items_of(client, query)):
        yield AutoClose(item["tenantId"], item["days"])


def closing(
    setting: AutoClose, tickets: TicketRepository, lifecycle: LifecycleClient, now: datetime
) -> Iterator[Outcome]:
    """Close what is due, one ticket for each outcome that is asked for, longest unchanged first.

    The state machine decides, as for everybody. It is told the version that was seen, so a ticket that somebody has
    touched since is left alone.
    """
    system = Caller(SYSTEM_ID, setting.tenant_id, Role.SYSTEM)
    since = timestamp(now - timedelta(days=setting.days))
    for ticket_id, version in tickets.unchanged(Status.RESOLVED, since=since):
        yield lifecycle.move(
            ticket_id, Status.CLOSED, system, fields={}, comment=None, expected_version=version
        ).outcome
