"""The feed: the events of the last day, in the order in which they arrived, for clients that were away.

An event is one item at its place in the feed, another in the part of the feed that its ticket's reporter sees, and one
that finds the place by the event's id. The last also holds the connections that sending it has failed to, which get it
when the event is retried.

Reporters read nothing but their part: neither what they get nor how long it takes tells them how much happens to
tickets that they may not see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any, Final, cast

from ticketing import clock
from ticketing.aws.data import TenantData
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.damage import Item, read_all, read_one
from ticketing.dynamodb.tables import items_of, tenant_prefix
from ticketing.live.errors import EventNotFoundError
from ticketing.tickets.events import TicketEvent

LIFETIME: Final = timedelta(hours=24)

OVERLAP: Final = timedelta(minutes=5)
"""How far before the event that a client saw last catching up begins.

Functions that add events to the feed do not wait for each other, and a connection that failed gets its event minutes
later: an event may have its place before another and be sent after it.
"""

MOST_READ: Final = 2000
"""Events that are read for one caller, who may have subscribed to few of them: about 2 MB."""


class Feed:
    """The feed of one tenant."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.notifications
        self._tenant_id = data.tenant_id

    def add(self, event: TicketEvent) -> frozenset[str] | None:
        """Add an event to the feed; one that is there already keeps its place.

        Returns
        -------
        frozenset or None
            The ids of the connections that an earlier try has failed to send it to; None if there was none.
        """
        now = clock.now()
        expires_at = int((now + LIFETIME).timestamp())
        place = f"AT#{int(now.timestamp() * 1000):013d}#{event.id}"
        waiting = None
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item(self._id_key(event.id) | {"place": place, "expiresAt": expires_at}),
                ConditionExpression="attribute_not_exists(PK)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            found = from_item(cast("dict[str, Any]", error.response)["Item"])
            place = found["place"]
            waiting = frozenset(found["waiting"]) if "waiting" in found else None
        text = event.model_dump_json(by_alias=True, exclude_none=True)
        for each in (place, *_places_of_reporter(event, place)):
            item = feed_key(self._tenant_id, each) | {"event": text, "expiresAt": expires_at}
            self._client.put_item(TableName=self._table, Item=to_item(item))
        return waiting

    def set_pending(self, event_id: str, connection_ids: Sequence[str]) -> None:
        """Remember the connections that the next try of an event has to send it to."""
        self._client.update_item(
            TableName=self._table,
            Key=to_item(self._id_key(event_id)),
            UpdateExpression="SET waiting = :waiting",
            ExpressionAttributeValues=to_item({":waiting": list(connection_ids)}),
        )

    def since(self, event_id: str, *, reporter_id: str | None = None) -> Iterable[TicketEvent]:
        """Return the events since the given one, oldest first, and those of the five minutes before it.

        With a reporter, only those of their tickets that are not internal. At most 2,001: with that many, there may be
        more.

        Raises
        ------
        EventNotFoundError
            The event is not in the feed.
        """
        key = to_item(self._id_key(event_id))
        item = self._client.get_item(
            TableName=self._table, Key=key, ConsistentRead=True, ProjectionExpression="PK, SK, place, expiresAt"
        ).get("Item")
        if item is None or read_one(item, _end) <= clock.now().timestamp():
            raise EventNotFoundError
        milliseconds = read_one(item, _milliseconds) - OVERLAP // timedelta(milliseconds=1)
        return self._after("" if reporter_id is None else _part_of(reporter_id), milliseconds)

    def _after(self, part: str, milliseconds: int) -> Iterator[TicketEvent]:
        items = items_of(
            self._client,
            {
                "TableName": self._table,
                "KeyConditionExpression": "PK = :pk AND SK BETWEEN :first AND :last",
                "ExpressionAttributeValues": to_item(
                    {
                        ":pk": feed_key(self._tenant_id, "")["PK"],
                        ":first": f"{part}AT#{milliseconds:013d}",
                        ":last": f"{part}AT#~",
                    }
                ),
                "ConsistentRead": True,
                "ProjectionExpression": "PK, SK, #event",
                "ExpressionAttributeNames": {"#event": "event"},
                "Limit": MOST_READ + 1,
            },
        )
        return read_all(islice(items, MOST_READ + 1), _event)

    def _id_key(self, event_id: str) -> dict[str, str]:
        return feed_key(self._tenant_id, f"ID#{event_id}")


def _places_of_reporter(event: TicketEvent, place: str) -> list[str]:
    """Return the event's place in the part of the feed that its ticket's reporter sees, if they may see it."""
    if event.ticket is None or event.is_internal:
        return []
    return [_part_of(event.ticket.reporter_id) + place]


def _part_of(reporter_id: str) -> str:
    """Return what the range keys of a reporter's part of the feed start with."""
    return f"OF#{reporter_id}#"


def _event(item: Item) -> TicketEvent:
    return TicketEvent.model_validate_json(item["event"]["S"])


def _end(item: Item) -> int:
    return int(item["expiresAt"]["N"])


def _milliseconds(item: Item) -> int:
    return int(item["place"]["S"].split("#")[1])


def feed_key(tenant_id: str, position: str) -> dict[str, str]:
    """Return the key of an event in the feed."""
    return {"PK": f"{tenant_prefix(tenant_id)}#FEED", "SK": position}
