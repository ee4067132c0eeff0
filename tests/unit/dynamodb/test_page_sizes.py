"""The answers of lists stay below what Lambda takes, whatever the texts are; the next page goes on where one ended."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from functions.comments import list_comments
from functions.tickets import list_ticket_history, list_tickets
from functions.webhooks import list_deliveries
from tests.unit.live.support import updated
from tests.unit.support import (
    ADMIN,
    AGENT,
    MOMENT_TEXT,
    TABLE,
    TICKET_ID,
    Context,
    Handler,
    a_ticket,
    an_event,
    api_event,
    data_of,
    put_user,
    stored,
)
from tests.unit.webhooks.conftest import a_webhook
from ticketing.dynamodb.attributes import to_item
from ticketing.ids import derived_id
from ticketing.tickets.events import Change
from ticketing.tickets.kinds import EventType
from ticketing.tickets.outbox import item_of
from ticketing.webhooks.delivery_repository import DeliveryRepository
from ticketing.webhooks.dispatching import new_delivery
from ticketing.webhooks.models import Attempt
from ticketing.webhooks.repository import webhook_key

LIMIT = 6_291_556
"""What Lambda takes as the answer of a function, in bytes; the managed runtime writes UTF-8."""

WORST = {"control characters, as stored before they were refused": "\x01", "backslashes": "\\", "emoji": "\U0001f600"}

pytestmark = pytest.mark.usefixtures("people")


def put(client: DynamoDBClient, table: str, item: dict[str, Any]) -> None:
    client.put_item(TableName=table, Item=to_item(item))


def pages(handler: Handler, path: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the pages of a list, each measured as the runtime would send it."""
    following: str | None = path
    while following:
        answer = handler(api_event("GET", following, caller=ADMIN), Context())
        assert answer["statusCode"] == 200
        assert len(json.dumps(answer, ensure_ascii=False).encode()) <= LIMIT
        yield json.loads(answer["body"])
        following = answer["headers"].get("Link", "").removeprefix("<").partition(">")[0]


def read_all(handler: Handler, path: str) -> list[dict[str, Any]]:
    """Return what all pages hold, none of which is empty."""
    found = list(pages(handler, path))
    assert all(found)
    return [item for page in found for item in page]


@pytest.mark.parametrize("character", WORST.values(), ids=WORST)
def test_tickets(dynamodb: DynamoDBClient, character: str) -> None:
    text = character * 10_000
    put_user(dynamodb, AGENT, name=character * 100)
    tickets = [
        stored(
            dynamodb,
            a_ticket(
                id=derived_id("acme", str(number)),
                number=number,
                title=character * 200,
                description=text,
                resolution=text,
                reporter_id=AGENT.user_id,
                assigned_to_id=AGENT.user_id,
                tags=[character * 50] * 20,
            ),
        )
        for number in range(100)
    ]
    found = read_all(list_tickets.handler, "/v1/tickets?limit=100&expand=reporter,assignedTo")
    assert sorted(each["id"] for each in found) == sorted(ticket.id for ticket in tickets)


@pytest.mark.parametrize("character", WORST.values(), ids=WORST)
def test_comments(dynamodb: DynamoDBClient, character: str) -> None:
    stored(dynamodb, a_ticket())
    ids = [derived_id("acme", str(number)) for number in range(100)]
    for each in ids:
        comment = {"id": each, "tenantId": "acme", "ticketId": TICKET_ID, "authorId": AGENT.user_id}
        rest = {"visibility": "public", "mentions": [], "createdAt": MOMENT_TEXT, "updatedAt": MOMENT_TEXT}
        key = {"PK": f"TENANT#acme#TICKET#{TICKET_ID}", "SK": f"COMMENT#{each}"}
        put(dynamodb, TABLE, key | comment | rest | {"body": character * 10_000})
    found = read_all(list_comments.handler, f"/v1/tickets/{TICKET_ID}/comments?limit=100&expand=author")
    assert [each["id"] for each in found] == sorted(ids)


@pytest.mark.parametrize("character", WORST.values(), ids=WORST)
def test_history(dynamodb: DynamoDBClient, character: str) -> None:
    ticket = stored(dynamodb, a_ticket())
    text = character * 10_000
    for version in range(2, 60):
        changes = {name: Change(before=text, after=text) for name in ("description", "resolution")}
        event = an_event(ticket.model_copy(update={"version": version}), EventType.TICKET_UPDATED, **changes)
        put(dynamodb, TABLE, item_of(event))
    found = read_all(list_ticket_history.handler, f"/v1/tickets/{TICKET_ID}/history?limit=100&expand=actor")
    assert [each["version"] for each in found] == list(range(1, 60))


def test_deliveries(dynamodb: DynamoDBClient) -> None:
    """What receivers answer is kept as it came, control characters and all."""
    webhook = a_webhook(TICKET_ID)
    put(dynamodb, "notifications", webhook_key("acme", webhook.id) | webhook.model_dump(by_alias=True))
    attempt = Attempt(at=MOMENT_TEXT, ms=1, status=500, response="\x01" * 1024)
    for _ in range(100):
        delivery = new_delivery(webhook, updated()).model_copy(update={"attempts": [attempt] * 10})
        DeliveryRepository(data_of(dynamodb, "acme"), webhook.id).create(delivery)
    assert len(read_all(list_deliveries.handler, f"/v1/webhooks/{TICKET_ID}/deliveries?limit=100")) == 100
