"""What of tickets is searched, in the tickets table: their item collections, and the order of a walk through them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import batched, chain, islice
from typing import TYPE_CHECKING, Final

from ticketing.attachments.repository import PREFIX as ATTACHMENT_PREFIX
from ticketing.dynamodb.attributes import to_item
from ticketing.dynamodb.damage import Item
from ticketing.dynamodb.tables import items_of, pages_of
from ticketing.tickets import outbox
from ticketing.tickets.keys import COMMENT_PREFIX, TICKET, list_partition, ticket_partition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

    from ticketing.aws.data import TenantData

_AT_ONCE: Final = 8
"""How many tickets are read side by side."""

_MOST_PAGES: Final = 2
"""How many MB are read of one ticket, or of one kind of items if it has more."""


class SearchedTickets:
    """The tickets of one tenant, as an index reads them."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.tickets
        self._tenant_id = data.tenant_id

    def collections(self, ticket_ids: Sequence[str]) -> Iterator[tuple[str, Sequence[Item]]]:
        """Yield tickets with all that is under their keys, by their ids: a consistent query for each, or more.

        What is written between two queries of one ticket (it has more than 1 MB) is of a change that is told of later.
        """
        if len(ticket_ids) == 1:
            yield ticket_ids[0], self._collection(ticket_ids[0])
            return
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            for some in batched(ticket_ids, 2 * _AT_ONCE, strict=False):  # so many are in memory, and no more
                yield from zip(some, threads.map(self._collection, some), strict=True)

    def newest(self, before: str | None, limit: int) -> Sequence[tuple[str, str]]:
        """Return tickets by their last change, newest first, from before a place: ids and places.

        They come from an index (eventually consistent), without those in the trash. A place is the ticket's `listKey`.
        """
        return self._places(limit, bound=before, forward=False)

    def changed(self, after: str, limit: int) -> Sequence[tuple[str, str]]:
        """Return tickets by their last change, oldest first, from after a place or time: ids and places."""
        return self._places(limit, bound=after, forward=True)

    def _places(self, limit: int, *, bound: str | None, forward: bool) -> Sequence[tuple[str, str]]:
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "IndexName": "byChange",
            "KeyConditionExpression": "tenantKey = :tenant",
            "ExpressionAttributeValues": to_item({":tenant": list_partition(self._tenant_id), ":bound": bound}),
            "ProjectionExpression": "listKey",
            "ScanIndexForward": forward,
            "Limit": limit,
        }
        if bound is not None:
            query["KeyConditionExpression"] = f"tenantKey = :tenant AND listKey {'>' if forward else '<'} :bound"
        places = (item["listKey"]["S"] for item in islice(items_of(self._client, query), limit))
        return [(place.partition("#")[2], place) for place in places]

    def _collection(self, ticket_id: str) -> Sequence[Item]:
        """Return what is under a ticket's keys, in their order: of each kind the latest, if that is too much.

        There is no limit to the comments of a ticket, and each change of it would read them all.
        """
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "PK = :ticket",
            "ExpressionAttributeValues": to_item({":ticket": ticket_partition(self._tenant_id, ticket_id)}),
            "ConsistentRead": True,
        }
        found = list(islice(pages_of(self._client, query), _MOST_PAGES + 1))
        if len(found) <= _MOST_PAGES:
            return [*chain.from_iterable(found)]
        latest = (self._latest(query, kind) for kind in (ATTACHMENT_PREFIX, COMMENT_PREFIX, outbox.PREFIX, TICKET))
        return [*chain.from_iterable(latest)]

    def _latest(self, query: QueryInputTypeDef, kind: str) -> Sequence[Item]:
        """Return the last items whose range keys begin so, in their order."""
        of_kind: QueryInputTypeDef = {
            **query,
            "KeyConditionExpression": "PK = :ticket AND begins_with(SK, :kind)",
            "ExpressionAttributeValues": {**query["ExpressionAttributeValues"], ":kind": {"S": kind}},
            "ScanIndexForward": False,
        }
        return [*chain.from_iterable(islice(pages_of(self._client, of_kind), _MOST_PAGES))][::-1]
