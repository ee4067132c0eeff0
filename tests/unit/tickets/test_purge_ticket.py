"""What is left of a ticket goes when the ticket is gone, and nothing of one that is there."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb import DynamoDBClient

from functions.tickets import purge_ticket
from tests.unit.conftest import Items
from tests.unit.support import (
    TABLE,
    TICKET_ID,
    Context,
    a_ticket,
    an_event,
    as_item,
    cancelled,
    data_of,
    orders_of,
    stored,
)
from ticketing.ids import derived_id
from ticketing.tickets.kinds import Creators
from ticketing.tickets.models import Ticket
from ticketing.tickets.remains import TicketRemains
from ticketing.tickets.repository import TicketGoneError, TicketRepository

type Key = dict[str, dict[str, str]]

TTL = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


@pytest.fixture(autouse=True)
def orders(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return what is ordered of the search index."""
    return orders_of(monkeypatch)


def key_of(ticket: Ticket, sk: str = "TICKET") -> Key:
    return {"PK": as_item(ticket)["PK"], "SK": {"S": sk}}


def record(key: Key, *, event: str = "REMOVE", number: str = "1", **rest: Any) -> dict[str, Any]:
    """Return a record of the tickets table's stream."""
    return {"eventName": event, "dynamodb": {"Keys": key, "SequenceNumber": number}, **rest}


def run(*records: dict[str, Any]) -> list[str]:
    """Return the numbers of the records that the function wants again."""
    answer = purge_ticket.handler({"Records": list(records)}, Context())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def with_history(client: DynamoDBClient, events: int, **values: Any) -> Ticket:
    """Return a ticket that was changed until it had so many events."""
    ticket = stored(client, a_ticket(**values))
    tickets = TicketRepository(data_of(client, ticket.tenant_id))
    for _ in range(events - 1):
        after = ticket.model_copy(update={"version": ticket.version + 1})
        tickets.update(ticket, after, an_event(after))
        ticket = after
    return ticket


def expire(client: DynamoDBClient, ticket: Ticket) -> None:
    """Remove a ticket as TTL does: its item alone."""
    client.delete_item(TableName=TABLE, Key=key_of(ticket))


@pytest.mark.parametrize("events", [1, 24, 25, 60])
def test_the_events_of_a_ticket_that_is_gone_go(dynamodb: DynamoDBClient, items: Items, events: int) -> None:
    other = with_history(dynamodb, 2, id=derived_id("other"))
    kept = items()
    ticket = with_history(dynamodb, events)
    expire(dynamodb, ticket)
    assert run(record(key_of(ticket), userIdentity=TTL)) == []
    assert items() == kept
    assert {item["PK"]["S"] for item in kept} == {f"TENANT#acme#TICKET#{other.id}"}
    # and once more, as Lambda may do
    assert run(record(key_of(ticket), userIdentity=TTL)) == []
    assert items() == kept


def test_whatever_else_is_left_of_a_ticket_goes_too(dynamodb: DynamoDBClient, items: Items) -> None:
    ticket = with_history(dynamodb, 3)
    for sk in ("COMMENT#1", "WATCHER#1"):
        dynamodb.put_item(TableName=TABLE, Item=key_of(ticket, sk))
    expire(dynamodb, ticket)
    assert TicketRemains(data_of(dynamodb, "acme")).purge(key_of(ticket)["PK"]["S"]) == 5
    assert items() == []


@pytest.mark.parametrize(
    "arriving",
    [
        pytest.param(lambda ticket: record(key_of(ticket)), id="a removal, but the ticket is there (again)"),
        pytest.param(lambda ticket: record(key_of(ticket), event="MODIFY"), id="a change of the ticket"),
        pytest.param(lambda ticket: record(key_of(ticket), event="INSERT"), id="a new ticket"),
        pytest.param(lambda ticket: record(key_of(ticket, "EVENT#0000000001")), id="an event's removal"),
        pytest.param(
            lambda _: record({"PK": {"S": "TENANT#acme#COUNTER"}, "SK": {"S": "TICKETS"}}), id="a counter's removal"
        ),
        pytest.param(
            lambda _: record({"PK": {"S": f"TENANT#globex#TICKET#{TICKET_ID}"}, "SK": {"S": "TICKET"}}),
            id="another tenant's ticket with the same id",
        ),
    ],
)
def test_a_ticket_that_is_there_loses_nothing(
    dynamodb: DynamoDBClient, items: Items, arriving: Callable[[Ticket], dict[str, Any]]
) -> None:
    ticket = with_history(dynamodb, 3)
    TicketRepository(data_of(dynamodb, "acme")).take_number(among=[Creators.EVERYBODY])
    before = items()
    assert run(arriving(ticket)) == []
    assert items() == before


def test_a_ticket_that_comes_back_in_between_keeps_its_history(dynamodb: DynamoDBClient, items: Items) -> None:
    """Between the look at what is left and the deletion of it, the same id is taken again."""
    ticket = with_history(dynamodb, 1)
    expire(dynamodb, ticket)
    takes = iter([True])

    def take(**_kwargs: Any) -> None:
        if next(takes, False):
            dynamodb.delete_item(TableName=TABLE, Key=key_of(ticket, "EVENT#0000000001"))
            stored(dynamodb, ticket)

    dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", take)
    assert run(record(key_of(ticket))) == []
    assert sorted(item["SK"]["S"] for item in items()) == ["EVENT#0000000001", "TICKET"]


def test_the_first_event_goes_last(dynamodb: DynamoDBClient, items: Items) -> None:
    """As long as anything is left of the old ticket, its id is not taken again."""
    ticket = with_history(dynamodb, 29)
    for sk in ("COMMENT#1", "COMMENT_KEY#1", "WATCHER#1"):
        dynamodb.put_item(TableName=TABLE, Item=key_of(ticket, sk))
    expire(dynamodb, ticket)
    deletes = iter([False, True])

    def fail(**_kwargs: Any) -> None:
        if next(deletes):
            raise cancelled(dynamodb, "ThrottlingError")

    dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", fail, unique_id="fail")
    with pytest.raises(ClientError):
        TicketRemains(data_of(dynamodb, "acme")).purge(key_of(ticket)["PK"]["S"])
    dynamodb.meta.events.unregister("before-call.dynamodb.TransactWriteItems", unique_id="fail")
    assert sorted(item["SK"]["S"] for item in items()) == [f"EVENT#{version:010d}" for version in range(1, 9)]
    with pytest.raises(TicketGoneError):
        stored(dynamodb, a_ticket())
    assert run(record(key_of(ticket))) == []
    stored(dynamodb, a_ticket())
    assert len(items()) == 2


@pytest.mark.parametrize("codes", [["TransactionConflict", "None"], ["None", "ThrottlingError"]])
def test_what_fails_comes_again_and_the_rest_is_done(dynamodb: DynamoDBClient, items: Items, codes: list[str]) -> None:
    one, two = with_history(dynamodb, 1), with_history(dynamodb, 2, id=derived_id("two"))
    for ticket in (one, two):
        expire(dynamodb, ticket)
    fails = iter([True])

    def fail(**_kwargs: Any) -> None:
        if next(fails, False):
            raise cancelled(dynamodb, *codes)

    dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", fail)
    records = [record(key_of(one), number="100"), record(key_of(two), number="200")]
    assert run(*records) == ["100"]
    assert {item["PK"]["S"] for item in items()} == {f"TENANT#acme#TICKET#{one.id}"}
    assert run(*records) == []
    assert items() == []


def test_a_transaction_stays_below_4_mb() -> None:
    """The largest event holds four long texts of 10,000 characters of four bytes."""
    from ticketing.tickets import remains  # noqa: PLC0415 - for its private bound alone

    assert remains._AT_ONCE * 4 * 10_000 * 4 < 4_000_000


def test_the_search_index_forgets_the_ticket(dynamodb: DynamoDBClient, orders: list[dict[str, Any]]) -> None:
    """It has long, unless the event of its going to the trash was lost."""
    ticket = with_history(dynamodb, 2)
    expire(dynamodb, ticket)
    assert run(record(key_of(ticket))) == []
    assert orders == [{"tenant_id": "acme", "ticket_ids": [ticket.id]}]
