"""Who watches a ticket: its reporter and its assignee by themselves, and whoever chose to.

A choice is an item under the ticket's partition key, `WATCHER#<user id>`. Who has made none has no item. Whoever is
mentioned in a comment chooses to watch by that, unless they had chosen before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ticketing.access.permissions import Grant
from ticketing.aws.data import TenantData, of_caller
from ticketing.dynamodb.attributes import to_item
from ticketing.dynamodb.tables import items_of
from ticketing.dynamodb.transactions import raise_refusal, until_written
from ticketing.tickets.keys import ticket_partition
from ticketing.tickets.operations import find_ticket
from ticketing.tickets.repository import TicketRepository

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef

    from ticketing.tickets.events import TicketSummary
    from ticketing.tickets.models import Ticket

PREFIX: Final = "WATCHER#"
"""What the range key of every choice starts with."""


def watching(ticket: Ticket | TicketSummary, choices: Mapping[str, bool]) -> set[str]:
    """Return the ids of those who watch a ticket, given who chose to (True) or not to (False)."""
    by_themselves = {each for each in (ticket.reporter_id, ticket.assigned_to_id) if each is not None}
    chosen = {each for each, watches in choices.items() if watches}
    return chosen | (by_themselves - choices.keys())


class Watchers:
    """The choices to watch one tenant's tickets. It cannot be made without a tenant."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.tickets
        self._tenant_id = data.tenant_id

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

    def choice(self, ticket_id: str, user_id: str) -> dict[str, bool]:
        """Return the choice of one user as `choices` does, with nothing in it if they made none: one read."""
        key = to_item(self._key(ticket_id, user_id))
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return {user_id: answer["Item"]["watching"]["BOOL"]} if "Item" in answer else {}

    def choose(self, ticket: TransactWriteItemTypeDef, ticket_id: str, user_id: str, *, watches: bool) -> None:
        """Write a user's choice, if the check of the ticket holds.

        Raises
        ------
        VersionConflictError
            The ticket changed, went to the trash or is gone since it was read.
        """
        put: TransactWriteItemTypeDef = {
            "Put": {"TableName": self._table, "Item": to_item(self._key(ticket_id, user_id) | {"watching": watches})}
        }
        try:
            self._client.transact_write_items(TransactItems=[ticket, put])
        except self._client.exceptions.TransactionCanceledException as error:
            raise_refusal(error, {})
            raise

    def by_mention(self, ticket_id: str, user_ids: Iterable[str]) -> list[TransactWriteItemTypeDef]:
        """Return the members of a transaction that let users watch who have not chosen yet.

        The state machine writes the same when it moves the ticket (`watchers` of its input).
        """
        return [
            {
                "Update": {
                    "TableName": self._table,
                    "Key": to_item(self._key(ticket_id, user_id)),
                    "UpdateExpression": "SET watching = if_not_exists(watching, :yes)",
                    "ExpressionAttributeValues": {":yes": {"BOOL": True}},
                }
            }
            for user_id in user_ids
        ]

    def _key(self, ticket_id: str, user_id: str) -> dict[str, str]:
        return {"PK": ticket_partition(self._tenant_id, ticket_id), "SK": f"{PREFIX}{user_id}"}


def choose(granted: Grant, ticket_id: str, *, watches: bool) -> None:
    """Let the caller watch a ticket, or no longer.

    Raises
    ------
    TicketNotFoundError
        The caller may not know of the ticket.
    ConflictError
        Others kept changing it.
    """
    caller = granted.caller
    tickets, watchers = TicketRepository(of_caller(caller)), Watchers(of_caller(caller))

    def attempt() -> None:
        ticket = find_ticket(granted, tickets.get(ticket_id))
        watchers.choose(tickets.as_read(ticket), ticket.id, caller.user_id, watches=watches)

    until_written(attempt)
