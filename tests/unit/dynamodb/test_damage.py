"""One item of each kind that can't be read: the others are still listed, and the log says where it is, not what."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from functions.tickets import get_ticket, list_tickets
from tests.unit.live.support import connection, updated
from tests.unit.mail.support import put_recipient
from tests.unit.support import (
    AGENT,
    MOMENT_TEXT,
    NOTIFICATIONS_TABLE,
    OTHER_ID,
    REPORTER,
    TABLE,
    TICKET_ID,
    USERS_TABLE,
    a_ticket,
    an_event,
    api_event,
    data_of,
    send,
    stored,
)
from tests.unit.webhooks.conftest import a_webhook
from ticketing.access.roles import Role
from ticketing.aws.data import TenantData
from ticketing.comments.models import Comment
from ticketing.comments.repository import CommentRepository
from ticketing.comments.watcher_repository import WatcherRepository
from ticketing.dynamodb.attributes import to_item
from ticketing.live.connections import Connections
from ticketing.live.feed import Feed
from ticketing.mail.recipients import Recipients
from ticketing.people.active_users import ActiveUsers
from ticketing.people.repository import People
from ticketing.tickets.kinds import Visibility
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.queries import TicketFilter
from ticketing.tickets.remains import TicketRemains
from ticketing.tickets.repository import TicketRepository
from ticketing.users.api_keys import ApiKey, ApiKeyRepository
from ticketing.users.models import User
from ticketing.users.repository import UserFilter, UserRepository, pending
from ticketing.users.rows import user_item
from ticketing.users.states import Kind
from ticketing.users.tenant_repository import auto_closing
from ticketing.webhooks.delivery_repository import DeliveryRepository
from ticketing.webhooks.dispatching import new_delivery
from ticketing.webhooks.models import Secret
from ticketing.webhooks.repository import WebhookRepository, webhook_key

SECOND_ID = "019c1f0e-7a3b-7c41-9d2e-5f60718293a5"
PEOPLE = (AGENT.user_id, OTHER_ID)
DAMAGES: list[dict[str, Any]] = [
    {"S": "secret"},
    {"NULL": True},
    {"SS": ["secret"]},
    {"N": "1.5"},
]
"""What damages an attribute, whatever it should be."""


def put(data: TenantData, table: str, *items: dict[str, Any]) -> None:
    for item in items:
        data.client.put_item(TableName=table, Item=to_item(item))


def two_tickets(data: TenantData) -> None:
    for each in (TICKET_ID, SECOND_ID):
        stored(data.client, a_ticket(id=each))


def two_events(data: TenantData) -> None:
    ticket = stored(data.client, a_ticket())
    TicketRepository(data).update(ticket, a_ticket(title="New", version=2), an_event(a_ticket(version=2)))


def two_comments(data: TenantData) -> None:
    for each in (TICKET_ID, SECOND_ID):
        comment = Comment(
            id=each,
            tenant_id="acme",
            ticket_id=TICKET_ID,
            author_id=AGENT.user_id,
            body="Hello",
            visibility=Visibility.PUBLIC,
            mentions=[],
            created_at=MOMENT_TEXT,
            updated_at=MOMENT_TEXT,
        )
        key = {"PK": f"TENANT#acme#TICKET#{TICKET_ID}", "SK": f"COMMENT#{each}"}
        put(data, TABLE, key | comment.model_dump(mode="json", by_alias=True))


def two_watchers(data: TenantData) -> None:
    for each in PEOPLE:
        put(data, TABLE, {"PK": f"TENANT#acme#TICKET#{TICKET_ID}", "SK": f"WATCHER#{each}", "watching": True})


def two_users(data: TenantData, **values: Any) -> None:
    for each in PEOPLE:
        user = User(
            id=each,
            tenant_id="acme",
            kind=Kind.PERSON,
            name=f"Somebody {each}",
            email="a@acme.example",
            role=Role.AGENT,
            active=True,
            version=1,
            created_at=MOMENT_TEXT,
            updated_at=MOMENT_TEXT,
        )
        put(data, USERS_TABLE, user_item(user.model_copy(update=values)))


def two_recipients(data: TenantData) -> None:
    for each in (AGENT, REPORTER):
        put_recipient(data.client, each)


def two_keys(data: TenantData) -> None:
    for each in PEOPLE:
        key = {"id": each, "tenantId": "acme", "name": each, "role": "agent", "active": True, "version": 1}
        rest = {"createdAt": MOMENT_TEXT, "updatedAt": MOMENT_TEXT, "keyHash": "x", "createdById": AGENT.user_id}
        put(data, USERS_TABLE, user_item(ApiKey.model_validate(key | rest)))


def two_settings(data: TenantData) -> None:
    for tenant in ("acme", "globex"):
        key = {"PK": f"TENANT#{tenant}#AUTO_CLOSE", "SK": "AUTO_CLOSE", "taskKey": "AUTO_CLOSE", "taskSince": tenant}
        put(data, USERS_TABLE, key | {"tenantId": tenant, "days": 7})


def two_webhooks(data: TenantData) -> None:
    for each in (TICKET_ID, SECOND_ID):
        secrets = {"secrets": [Secret(key="x").model_dump(by_alias=True)]}
        put(data, NOTIFICATIONS_TABLE, webhook_key("acme", each) | a_webhook(each).model_dump(by_alias=True) | secrets)


def two_deliveries(data: TenantData) -> None:
    for _ in range(2):
        DeliveryRepository(data, SECOND_ID).create(new_delivery(a_webhook(SECOND_ID), updated()))


def two_connections(data: TenantData) -> None:
    for each in "ab":
        Connections(data).open(connection(each, AGENT))


def two_in_the_feed(data: TenantData) -> None:
    for number in range(2):
        event = updated().model_copy(update={"id": TICKET_ID if number == 0 else SECOND_ID})
        Feed(data).add(event)


@dataclass(frozen=True)
class Case:
    table: str
    start: str
    """What the range key of such items starts with; the last of them is damaged."""
    attribute: str
    write: Callable[[TenantData], None]
    read: Callable[[TenantData], Iterable[Any]]


CASES = {
    "listTickets": Case(
        TABLE,
        "TICKET",
        "priority",
        two_tickets,
        lambda data: TicketRepository(data).list(TicketFilter(), limit=9, cursor=None).items,
    ),
    "tickets to close": Case(
        TABLE, "TICKET", "version", two_tickets, lambda data: TicketRepository(data).unchanged(Status.NEW, since="9")
    ),
    "listTicketHistory": Case(
        TABLE,
        "EVENT#",
        "changes",
        two_events,
        lambda data: TicketRepository(data).history(TICKET_ID, limit=9, cursor=None).items,
    ),
    "listComments": Case(
        TABLE,
        "COMMENT#",
        "mentions",
        two_comments,
        lambda data: CommentRepository(data).list(TICKET_ID, internal=True, limit=9, cursor=None).items,
    ),
    "watchers": Case(
        TABLE, "WATCHER#", "watching", two_watchers, lambda data: WatcherRepository(data).list_settings(TICKET_ID)
    ),
    "listUsers": Case(
        USERS_TABLE,
        "USER",
        "role",
        two_users,
        lambda data: UserRepository(data).list(UserFilter(), limit=9, cursor=None).items,
    ),
    "people of a tenant": Case(USERS_TABLE, "USER", "role", two_users, lambda data: UserRepository(data).list_people()),
    "pending changes": Case(
        USERS_TABLE,
        "USER",
        "settings",
        lambda data: two_users(data, task_key="PENDING", task_since="1"),
        lambda data: pending(data.client, USERS_TABLE, until="2"),
    ),
    "who is active": Case(USERS_TABLE, "USER", "role", two_users, lambda data: ActiveUsers(data, {}).active(PEOPLE)),
    "names of people": Case(
        USERS_TABLE,
        "USER",
        "active",
        two_users,
        lambda data: [each for each in People(data).known(PEOPLE).values() if each.name],
    ),
    "recipients of emails": Case(
        USERS_TABLE,
        "USER",
        "notifications",
        two_recipients,
        lambda data: Recipients(data).known([AGENT.user_id, REPORTER.user_id]),
    ),
    "listApiKeys": Case(
        USERS_TABLE, "USER", "active", two_keys, lambda data: ApiKeyRepository(data).list(limit=9, cursor=None).items
    ),
    "tenants that close tickets": Case(
        USERS_TABLE, "AUTO_CLOSE", "days", two_settings, lambda data: auto_closing(data.client, USERS_TABLE)
    ),
    "listWebhooks": Case(
        NOTIFICATIONS_TABLE, "WEBHOOK#", "eventTypes", two_webhooks, lambda data: WebhookRepository(data).all()
    ),
    "listDeliveries": Case(
        NOTIFICATIONS_TABLE,
        "DELIVERY#",
        "attempts",
        two_deliveries,
        lambda data: DeliveryRepository(data, SECOND_ID).list(None, limit=9, cursor=None).items,
    ),
    "open connections": Case(
        NOTIFICATIONS_TABLE, "CONNECTION#", "topics", two_connections, lambda data: Connections(data).all()
    ),
    "the feed": Case(NOTIFICATIONS_TABLE, "AT#", "event", two_in_the_feed, lambda data: Feed(data).since(TICKET_ID)),
    "a reporter's feed": Case(
        NOTIFICATIONS_TABLE,
        "OF#",
        "event",
        two_in_the_feed,
        lambda data: Feed(data).since(TICKET_ID, reporter_id=REPORTER.user_id),
    ),
}


def damaged(client: DynamoDBClient, table: str, start: str, attribute: str, value: dict[str, Any]) -> dict[str, str]:
    """Damage the last item whose range key starts like this, and return its key."""
    keys = [
        {name: item[name] for name in ("PK", "SK")}
        for item in client.scan(TableName=table)["Items"]
        if item["SK"]["S"].startswith(start)
    ]
    assert len(keys) == 2
    key = max(keys, key=lambda key: (key["PK"]["S"], key["SK"]["S"]))
    client.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": attribute},
        ExpressionAttributeValues={":value": value},
    )
    return {name: value["S"] for name, value in key.items()}


@pytest.mark.usefixtures("time")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_list_has_what_can_be_read(
    dynamodb: DynamoDBClient,
    case: Case,
    log: Callable[[], list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = data_of(dynamodb, "acme")
    case.write(data)
    assert len(list(case.read(data))) == 2
    for number, value in enumerate(DAMAGES):
        if (case.attribute, value) == ("settings", {"S": "secret"}):
            continue  # an attribute that nobody knows harms nobody as a text
        key = damaged(dynamodb, case.table, case.start, case.attribute, value)
        before = len(log())
        assert len(list(case.read(data))) == 1, (number, value)
        (line,) = log()[before:]
        assert (line["level"], line["message"], line["key"]) == ("ERROR", "an item can't be read", key)
        assert "secret" not in json.dumps(line)
        assert '"DamagedItems":[1.0]' in capsys.readouterr().out.replace(" ", "")


@pytest.mark.usefixtures("people")
def test_reading_the_item_itself_is_a_clear_error(
    dynamodb: DynamoDBClient, log: Callable[[], list[dict[str, Any]]]
) -> None:
    two_tickets(data_of(dynamodb, "acme"))
    damaged(dynamodb, TABLE, "TICKET", "priority", {"S": "secret"})
    answer = send(get_ticket.handler, api_event("GET", f"/v1/tickets/{SECOND_ID}"))
    assert answer.error == (500, "damaged_item")
    assert "secret" not in answer.text
    assert log()[0]["reasons"] == ["priority: enum"]
    answer = send(list_tickets.handler, api_event("GET", "/v1/tickets"))
    assert [ticket["id"] for ticket in answer.json] == [TICKET_ID]


@pytest.mark.usefixtures("people")
def test_pages_go_on_after_a_damaged_item(dynamodb: DynamoDBClient) -> None:
    two_tickets(data_of(dynamodb, "acme"))
    damaged(dynamodb, TABLE, "TICKET", "priority", {"S": "secret"})
    first = send(list_tickets.handler, api_event("GET", "/v1/tickets?limit=1"))
    assert first.json == []
    assert first.next is not None
    second = send(list_tickets.handler, api_event("GET", first.next))
    assert [ticket["id"] for ticket in second.json] == [TICKET_ID]
    assert second.next is None


@pytest.mark.parametrize("attribute", ["version", "status"])
def test_a_damaged_ticket_is_erased_with_its_tenant(dynamodb: DynamoDBClient, attribute: str) -> None:
    data = data_of(dynamodb, "acme")
    two_tickets(data)
    key = to_item({"PK": f"TENANT#acme#TICKET#{SECOND_ID}", "SK": "TICKET"})
    dynamodb.update_item(
        TableName=TABLE, Key=key, UpdateExpression="REMOVE #name", ExpressionAttributeNames={"#name": attribute}
    )
    remains = TicketRemains(data)
    assert [remains.erase(partition) for page in remains.partitions() for partition in page] == [1, 1]
    assert dynamodb.scan(TableName=TABLE)["Items"] == []
