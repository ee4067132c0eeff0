"""From an event in the queue to its deliveries: for whom, how often, and what becomes of it when something fails."""

import json
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.webhooks import dispatch_webhooks
from tests.unit.conftest import Clock
from tests.unit.support import ADMIN_ID, MOMENT, MOMENT_TEXT, NOTIFICATIONS_TABLE, Context, a_ticket, an_event, data_of
from tests.unit.webhooks.conftest import World, a_webhook
from ticketing.aws import clients
from ticketing.tickets.events import TicketEvent
from ticketing.tickets.kinds import EventType, Visibility
from ticketing.webhooks.models import Secret
from ticketing.webhooks.repository import WebhookRepository

FAILURE = EndpointConnectionError(endpoint_url="https://aws.example")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch, time: Clock) -> None:
    monkeypatch.setattr("ticketing.events.once.time.sleep", lambda _: None)
    time.set(MOMENT)


def webhook(number: int, tenant_id: str = "acme", **values: Any) -> str:
    """Write a webhook that wants everything, and return its id."""
    webhook_id = f"00000000-0000-7000-8000-00000000000{number}"
    made = a_webhook(webhook_id, tenant_id=tenant_id, **values)
    WebhookRepository(data_of(clients.dynamodb(), tenant_id)).create(made, Secret(key="whsec_"))
    return webhook_id


def comment(visibility: Visibility) -> TicketEvent:
    added = an_event(a_ticket(), EventType.COMMENT_ADDED)
    return added.model_copy(update={"comment_id": ADMIN_ID, "visibility": visibility})


def dispatch(*events: TicketEvent) -> list[str]:
    """Hand events to the function as the queue does, and return which have to come again."""
    records = [
        {
            "messageId": event.id,
            "body": json.dumps({"detail": event.model_dump(mode="json", by_alias=True, exclude_none=True)}),
        }
        for event in events
    ]
    answer = dispatch_webhooks.handler({"Records": records}, Context())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def deliveries(world: World) -> list[dict[str, Any]]:
    return [item for key, item in world.items().items() if " DELIVERY#" in key]


def test_a_delivery_and_a_message_for_each_webhook(world: World) -> None:
    ids = {webhook(1), webhook(2)}
    webhook(3, "globex")
    event = an_event(a_ticket(), EventType.TICKET_CREATED)
    assert dispatch(event) == []
    found = deliveries(world)
    assert {each["webhookId"] for each in found} == ids
    for each in found:
        assert (each["state"], each["tries"], each["attempts"], each["round"]) == ("PENDING", 0, [], 1)
        assert (each["eventId"], each["ticketId"], each["tenantId"]) == (event.id, event.ticket_id, "acme")
        assert each["expiresAt"] == int(MOMENT.timestamp()) + 30 * 24 * 60 * 60
        body = json.loads(each["body"])
        assert (body["type"], body["timestamp"]) == ("TicketCreated", event.occurred_at)
        assert TicketEvent.model_validate(body["data"]) == event
    assert sorted(world.messages(), key=str) == sorted(
        (
            {"tenant_id": "acme", "webhook_id": each["webhookId"], "delivery_id": each["id"], "round": 1, "due": 0}
            for each in found
        ),
        key=str,
    )


def test_deliveries_are_in_the_order_of_their_events(world: World) -> None:
    """An event that the state machine has written has an id that does not sort; its delivery's does."""
    webhook(1)
    moments = ["2026-02-02T08:15:04.120Z", "2026-02-02T08:15:04.121Z", "2026-02-02T09:00:00.000Z"]
    for moment in reversed(moments):
        dispatch(an_event(a_ticket(updated_at=moment)))
    found = sorted(deliveries(world), key=lambda each: str(each["id"]))
    assert [json.loads(each["body"])["timestamp"] for each in found] == moments


@pytest.mark.parametrize(
    ("values", "number"),
    [
        ({"event_types": ["TicketUpdated", "TicketCreated"]}, 1),
        ({"event_types": ["TicketCreated"]}, 0),
        ({"active": False}, 0),
    ],
)
def test_only_what_a_webhook_wants(world: World, values: dict[str, Any], number: int) -> None:
    webhook(1, **values)
    assert dispatch(an_event(a_ticket())) == []
    assert len(deliveries(world)) == len(world.messages()) == number


@pytest.mark.parametrize("wants", [True, False])
def test_of_internal_comments_only_who_wants_to_know(world: World, *, wants: bool) -> None:
    webhook(1, internal_comments=wants)
    assert dispatch(comment(Visibility.INTERNAL)) == []
    assert len(deliveries(world)) == int(wants)
    assert dispatch(comment(Visibility.PUBLIC)) == []
    assert len(deliveries(world)) == int(wants) + 1


def test_an_event_that_comes_again_is_dispatched_once(world: World) -> None:
    webhook(1)
    event = an_event(a_ticket())
    for _ in range(3):
        assert dispatch(event, event) == []
    assert len(deliveries(world)) == len(world.messages()) == 1


@pytest.mark.parametrize("state", ["DELETING", "gone"])
def test_for_a_tenant_that_goes_nothing_is_written(world: World, state: str) -> None:
    webhook(1)
    world.tenant("acme", state if state == "DELETING" else "ACTIVE")
    if state == "gone":
        key = {"PK": {"S": "TENANT#acme#TENANT"}, "SK": {"S": "TENANT"}}
        world.client.delete_item(TableName="users", Key=key)
    before = world.items()
    assert dispatch(an_event(a_ticket())) == []
    assert world.items() == before
    assert world.messages() == []


def test_without_webhooks_nothing_is_written(world: World) -> None:
    assert dispatch(an_event(a_ticket())) == []
    assert world.items() == {}


@pytest.mark.parametrize("failing", range(1, 9))
def test_whatever_call_fails_the_event_comes_again_and_heals(world: World, failing: int) -> None:
    for number in (1, 2):
        webhook(number)
    calls = 0
    fail = True

    def count(**_: Any) -> None:
        nonlocal calls, fail
        calls += 1
        if fail and calls == failing:
            fail = False
            raise FAILURE

    for client, service in ((world.client, "dynamodb"), (clients.sqs(), "sqs")):
        client.meta.events.register(f"before-call.{service}", count)
    event = an_event(a_ticket())
    again = dispatch(event)
    assert again == ([event.id] if failing <= 7 else [])
    fail = False
    assert dispatch(event) == []
    found = deliveries(world)
    assert len(found) == 2
    assert {message["delivery_id"] for message in world.messages()} == {each["id"] for each in found}


def test_a_message_that_was_not_sent_is_sent_when_the_event_comes_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook(1)
    send = clients.sqs().send_message

    def refuse(**_: Any) -> None:
        raise FAILURE

    monkeypatch.setattr(clients.sqs(), "send_message", refuse)
    event = an_event(a_ticket())
    assert dispatch(event) == [event.id]
    assert len(deliveries(world)) == 1
    monkeypatch.setattr(clients.sqs(), "send_message", send)
    assert dispatch(event) == []
    assert len(world.messages()) == 1


@pytest.mark.parametrize("done", [{"state": "DELIVERED"}, {"state": "FAILED"}, {"attempts": [{"at": "x", "ms": 1}]}])
def test_what_was_attempted_already_gets_no_second_message(world: World, done: dict[str, Any]) -> None:
    """As when a dispatch was cut off after the message, and the delivery is quicker than the next dispatch."""
    webhook(1)
    event = an_event(a_ticket())
    dispatch(event)
    (key, item) = next((key, item) for key, item in world.items().items() if " DELIVERY#" in key)
    partition, _, sort = key.partition(" ")
    world.put(NOTIFICATIONS_TABLE, {"PK": partition, "SK": sort} | item | done)
    once = next(key for key in world.items() if "#ONCE " in key)
    partition, _, sort = once.partition(" ")
    world.client.delete_item(TableName=NOTIFICATIONS_TABLE, Key={"PK": {"S": partition}, "SK": {"S": sort}})
    world.messages()
    assert dispatch(event) == []
    assert world.messages() == []


def test_one_that_fails_holds_up_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook(1)
    events = [an_event(a_ticket()) for _ in range(3)]
    put = world.client.put_item

    def refuse_one(**asked: Any) -> Any:
        if asked["Item"].get("eventId") == {"S": events[1].id}:
            raise FAILURE
        return put(**asked)

    monkeypatch.setattr(world.client, "put_item", refuse_one)
    assert dispatch(*events) == [events[1].id]
    assert {each["eventId"] for each in deliveries(world)} == {events[0].id, events[2].id}


def test_while_somebody_is_at_it_the_event_waits(world: World) -> None:
    webhook(1)
    event = an_event(a_ticket())
    begun = {"PK": "TENANT#acme#ONCE", "SK": f"{event.id}#webhooks", "state": "BEGUN", "token": "x"}
    lease = int(MOMENT.timestamp() * 1000) + 1000
    world.put(NOTIFICATIONS_TABLE, begun | {"leaseUntil": lease})
    assert dispatch(event) == [event.id]
    world.put(NOTIFICATIONS_TABLE, begun | {"leaseUntil": lease - 2000})
    assert dispatch(event) == []
    assert len(deliveries(world)) == 1


@pytest.mark.parametrize(
    ("waiting", "dropped"),
    [
        ({1: 499, 2: 0}, set()),
        ({1: 500, 2: 499}, {1}),
        ({1: 500, 2: 500, 3: 500, 4: 499, 5: 0}, {1, 2, 3}),
        ({1: 500, 2: 500, 3: 500, 4: 499, 5: 1}, {1, 2, 3, 4, 5}),
    ],
)
def test_what_exceeds_the_limits_of_those_that_wait_is_dropped_where_all_can_see_it(
    world: World, waiting: dict[int, int], dropped: set[int]
) -> None:
    """A webhook that does not fail is sent everything, however many wait for the tenant's others."""
    healthy = webhook(9)
    failing = {webhook(number, failing_since=MOMENT_TEXT, waiting=many): number for number, many in waiting.items()}
    event = an_event(a_ticket())
    assert dispatch(event) == []
    found = {failing.get(each["webhookId"]): each for each in deliveries(world)}
    assert {number for number, each in found.items() if each["state"] == "FAILED"} == dropped
    for number in dropped:
        each = found[number]
        assert (each["failureReason"], each["attempts"]) == ("Too many deliveries waited for a retry.", [])
        assert "nextAttemptAt" not in each
    sent = {message["webhook_id"] for message in world.messages()}
    assert sent == {healthy} | {webhook_id for webhook_id, number in failing.items() if number not in dropped}
