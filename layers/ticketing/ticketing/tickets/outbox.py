"""Events as items of the tickets table: a ticket's history, and the outbox that the table's stream publishes.

They are stored under their ticket's partition key, so the stream keeps the events of one ticket in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ticketing.dynamodb.attributes import from_item
from ticketing.tickets.events import TicketEvent
from ticketing.tickets.keys import ticket_partition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PREFIX: Final = "EVENT#"
"""What the range key of every event starts with."""

KEY_SHAPE: Final = r"EVENT#\d{10}(#[0-9a-f-]{36})?"

_STORED_AS: Final = {"id": "eventId", "type": "eventType"}
_NOT_STORED: Final = {"actor", "changes", "ticket", "truncated"}


def is_event_key(key: Mapping[str, Any]) -> bool:
    """Return whether an item with this key (in DynamoDB's JSON) is an event."""
    return bool(key["SK"]["S"].startswith(PREFIX))


def read_item(client: DynamoDBClient, table: str, key: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the item with this key (both in DynamoDB's JSON) as last written, or None: for work of all tenants."""
    return client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")


def item_of(event: TicketEvent) -> dict[str, Any]:
    """Return the item of an event, in plain values; None for attributes that are not there.

    A version of the ticket has one event of the ticket itself. Events of comments and files sort after it, by their
    ids: there may be several while the version stays the same.
    """
    place = f"{PREFIX}{event.version:010d}"
    values = event.model_dump(mode="json", by_alias=True, exclude=_NOT_STORED)
    return {
        "PK": ticket_partition(event.tenant_id, event.ticket_id),
        "SK": f"{place}#{event.id}" if event.is_aside else place,
        **{_STORED_AS.get(name, name): value for name, value in values.items()},
        "actorId": event.actor.id,
        "actorRole": event.actor.role,
        "changes": {name: change.model_dump(by_alias=True) for name, change in event.changes.items()},
        "ticket": event.ticket.model_dump(mode="json", by_alias=True) if event.ticket else None,
    }


def event_from(item: Mapping[str, Any]) -> TicketEvent:
    """Return the event that an item (in DynamoDB's JSON) holds.

    Raises
    ------
    KeyError, TypeError, ValueError
        The item is not an event.
    """
    values = from_item(item)
    values |= {name: values[stored] for name, stored in _STORED_AS.items()}
    return TicketEvent.model_validate(values | {"actor": {"id": values["actorId"], "role": values["actorRole"]}})
