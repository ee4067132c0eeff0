"""Deleting tickets permanently with everything under them: after the TTL of 30 days in the trash, or with a tenant."""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING, Any, Final

from ticketing.dynamodb.attributes import to_item
from ticketing.dynamodb.tables import Key, batch_delete, items_of, pages_of
from ticketing.dynamodb.transactions import VersionConflictError, cancellation_reasons
from ticketing.tickets import outbox
from ticketing.tickets.keys import TICKET, list_partition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb.type_defs import DeleteItemInputTypeDef, QueryInputTypeDef, TransactWriteItemTypeDef

    from ticketing.aws.data import TenantData

PAGE: Final = 100
"""How many tickets are deleted before the receipt of a tenant's deletion counts them."""

_AT_ONCE: Final = 24
"""How many items one transaction deletes. It is limited to 4 MB, and an event with four long texts has up to 160 KB."""


class TicketRemains:
    """One tenant's tickets by their partition keys, each with its events, comments and watchers."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.tickets
        self._tenant_id = data.tenant_id

    def partitions(self) -> Iterator[list[str]]:
        """Return the partition keys of the tenant's tickets, in the trash or not, page by page."""
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "IndexName": "byNumber",
            "KeyConditionExpression": "tenantKey = :tenant",
            "ExpressionAttributeValues": to_item({":tenant": list_partition(self._tenant_id)}),
            "Limit": PAGE,
        }
        return ([item["PK"]["S"] for item in page] for page in pages_of(self._client, query))

    def erase(self, partition: str) -> int | None:
        """Delete a ticket with everything under it. Return the number of its events, or None if it was deleted before.

        The ticket is deleted last, because it leads to the rest, and only in the version that was read with the rest,
        because a change adds an event. Internal comments and watchers do not change the version, but their writes check
        that the ticket exists: those written meanwhile are deleted after the ticket.

        Raises
        ------
        VersionConflictError
            The ticket changed meanwhile and is not deleted.
        """
        ticket, rest = self._under(partition)
        self._batch_delete(rest)
        if ticket is None:
            return None
        deletion: DeleteItemInputTypeDef = {
            "TableName": self._table,
            "Key": _ticket(partition),
            "ConditionExpression": "attribute_not_exists(version)",  # as of a damaged ticket
        }
        if "version" in ticket:
            deletion["ConditionExpression"] = "version = :read"
            deletion["ExpressionAttributeValues"] = {":read": ticket["version"]}
        try:
            self._client.delete_item(**deletion)
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise VersionConflictError from error
        late = self._under(partition)[1]
        self._batch_delete(late)
        return sum(map(outbox.is_event_key, (*rest, *late)))

    def purge(self, partition: str) -> int:
        """Delete everything under a ticket that no longer exists. Return the number of items; 0 if the ticket exists.

        Every transaction checks that the ticket does not exist. Events are deleted after everything else, newest first,
        so the first event is the last item. Until then it prevents a late retry with the same Idempotency-Key from
        creating a ticket with this id, so a new ticket never meets old history or comments. It is idempotent.
        """
        gone: TransactWriteItemTypeDef = {
            "ConditionCheck": {
                "TableName": self._table,
                "Key": _ticket(partition),
                "ConditionExpression": "attribute_not_exists(PK)",
            }
        }
        deleted = 0
        while True:
            ticket, rest = self._under(partition)
            if ticket is not None or not rest:
                return deleted
            for keys in batched(sorted(rest, key=_events_last, reverse=True), _AT_ONCE, strict=False):
                deletes: list[TransactWriteItemTypeDef] = [
                    {"Delete": {"TableName": self._table, "Key": key}} for key in keys
                ]
                try:
                    self._client.transact_write_items(TransactItems=[gone, *deletes])
                except self._client.exceptions.TransactionCanceledException as error:
                    if cancellation_reasons(error)[0].get("Code") == "ConditionalCheckFailed":
                        return deleted
                    raise
                deleted += len(keys)

    def _batch_delete(self, keys: Sequence[Key]) -> None:
        """Delete items of the table; raises as `batch_delete` does."""
        batch_delete(self._client, self._table, keys)

    def _under(self, partition: str) -> tuple[Mapping[str, Any] | None, list[Key]]:
        """Return key and version of the ticket (None if it does not exist), and the keys of other items under it."""
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "PK = :partition",
            "ExpressionAttributeValues": to_item({":partition": partition}),
            "ProjectionExpression": "PK, SK, version",
            "ConsistentRead": True,
        }
        ticket: Mapping[str, Any] | None = None
        rest: list[Key] = []
        for item in items_of(self._client, query):
            if item["SK"]["S"] == TICKET:
                ticket = item
            else:
                rest.append({"PK": item["PK"], "SK": item["SK"]})
        return ticket, rest


def _ticket(partition: str) -> dict[str, Any]:
    return to_item({"PK": partition, "SK": TICKET})


def _events_last(key: Key) -> tuple[bool, str]:
    """Return the sort key (to be reversed) that puts events after all other items, newest first."""
    return not outbox.is_event_key(key), key["SK"]["S"]
