"""The operations on deliveries, from API Gateway's event to the notifications table on moto and back."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.webhooks import get_delivery, list_deliveries, redeliver
from tests.unit.conftest import Clock
from tests.unit.support import (
    ADMIN,
    AGENT,
    MOMENT,
    MOMENT_TEXT,
    STRANGER,
    Answer,
    a_ticket,
    an_event,
    data_of,
)
from tests.unit.webhooks.conftest import World, a_webhook, call
from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.aws import clients
from ticketing.webhooks.delivery_repository import DeliveryRepository
from ticketing.webhooks.dispatching import new_delivery
from ticketing.webhooks.models import (
    Attempt,
    Delivery,
    DeliveryState,
    Secret,
)
from ticketing.webhooks.repository import WebhookRepository

ID = "00000000-0000-7000-8000-000000000001"
OTHER = "00000000-0000-7000-8000-000000000002"
ATTEMPT = Attempt(at=MOMENT_TEXT, ms=84, status=200, response="ok")

WEBHOOK = a_webhook(ID)

pytestmark = pytest.mark.usefixtures("time")


@pytest.fixture(autouse=True)
def webhooks(world: World) -> WebhookRepository:
    webhooks = WebhookRepository(data_of(world.client, "acme"))
    for webhook in (WEBHOOK, WEBHOOK.model_copy(update={"id": OTHER})):
        webhooks.create(webhook, Secret(key="whsec_"))
    return webhooks


def delivered(minutes: int = 0, **values: Any) -> Delivery:
    """Write a delivery of an event that happened so many minutes later."""
    moment = clock.timestamp(MOMENT + timedelta(minutes=minutes))
    made = new_delivery(WEBHOOK, an_event(a_ticket(updated_at=moment)))
    done = {"state": DeliveryState.DELIVERED, "attempts": [ATTEMPT], "tries": 1, "next_attempt_at": None}
    made = made.model_copy(update=done | values)
    DeliveryRepository(data_of(clients.dynamodb(), "acme"), ID).create(made)
    return made


def listed(query: str = "", webhook_id: str = ID, caller: Caller = ADMIN) -> Answer:
    return call(list_deliveries.handler, "GET", f"/v1/webhooks/{webhook_id}/deliveries{query}", caller)


def read(delivery_id: str, webhook_id: str = ID, caller: Caller = ADMIN) -> Answer:
    return call(get_delivery.handler, "GET", f"/v1/webhooks/{webhook_id}/deliveries/{delivery_id}", caller)


def again(delivery_id: str, webhook_id: str = ID, caller: Caller = ADMIN) -> Answer:
    path = f"/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver"
    return call(redeliver.handler, "POST", path, caller)


def test_the_newest_come_first_page_by_page() -> None:
    made = [delivered(minutes).id for minutes in (3, 1, 2, 5, 4)]
    wanted = [made[place] for place in (3, 4, 0, 2, 1)]
    found, link = [], f"/v1/webhooks/{ID}/deliveries?limit=2"
    while link:
        page = listed(link.removeprefix(f"/v1/webhooks/{ID}/deliveries"))
        assert len(page.json) <= 2
        found += [each["id"] for each in page.json]
        link = page.next or ""
    assert found == wanted


def test_one_as_it_is_shown() -> None:
    made = delivered()
    shown = {
        "id": made.id,
        "webhookId": ID,
        "eventId": made.event_id,
        "eventType": "TicketUpdated",
        "ticketId": made.ticket_id,
        "state": "DELIVERED",
        "attempts": [{"at": MOMENT_TEXT, "ms": 84, "status": 200, "error": None, "response": "ok"}],
        "nextAttemptAt": None,
        "failureReason": None,
        "createdAt": MOMENT_TEXT,
    }
    assert listed().json == [shown]
    answer = read(made.id.upper()).json
    payload = answer.pop("payload")
    assert answer == shown
    assert payload["type"] == "TicketUpdated"
    assert payload["data"]["ticketId"] == made.ticket_id


def test_those_in_a_state() -> None:
    delivered(1)
    failed = [delivered(minutes, state=DeliveryState.FAILED).id for minutes in (4, 2)]
    first = listed("?state=FAILED&limit=1")
    assert [each["id"] for each in first.json] == failed[:1]
    assert first.next is not None
    assert [each["id"] for each in listed(first.next.partition("deliveries")[2]).json] == failed[1:]
    assert listed("?state=PENDING").json == []


@pytest.mark.parametrize("query", ["?state=DONE", "?state=failed", "?limit=0", "?cursor=AAAA", "?webhook=x"])
def test_what_is_no_query(query: str) -> None:
    assert listed(query).error == (400, "bad_request")


def test_a_cursor_is_of_one_webhook_and_state() -> None:
    delivered(1)
    delivered(2)
    link = listed("?limit=1").next
    assert link is not None
    cursor = link.partition("deliveries")[2]
    assert listed(cursor, OTHER).error == (400, "bad_request")
    assert listed(f"{cursor}&state=DELIVERED").error == (400, "bad_request")


@pytest.mark.parametrize("webhook_id", ["x", "00000000-0000-7000-8000-000000000003"])
def test_deliveries_of_no_webhook(webhook_id: str) -> None:
    made = delivered().id
    for answer in (listed("", webhook_id), read(made, webhook_id), again(made, webhook_id)):
        assert answer.error == (404, "webhook_not_found")


@pytest.mark.parametrize("webhook_id", [ID, OTHER])
def test_what_names_no_delivery(webhook_id: str) -> None:
    for delivery_id in ("x", OTHER, *([delivered().id] if webhook_id == OTHER else [])):
        for answer in (read(delivery_id, webhook_id), again(delivery_id, webhook_id)):
            assert answer.error == (404, "delivery_not_found")


def test_another_tenants_are_not_there_and_an_agents_not_to_be_seen() -> None:
    made = delivered().id
    for answer in (listed(caller=STRANGER), read(made, caller=STRANGER), again(made, caller=STRANGER)):
        assert answer.error == (404, "webhook_not_found")
    for answer in (listed(caller=AGENT), read(made, caller=AGENT), again(made, caller=AGENT)):
        assert answer.error == (403, "forbidden")


@pytest.mark.parametrize("state", list(DeliveryState))
def test_whatever_came_of_it_it_begins_anew(world: World, state: DeliveryState) -> None:
    made = delivered(state=state, tries=9, failure_reason="Too many deliveries waited for a retry.")
    answer = again(made.id)
    assert answer.status == 202
    assert (answer.json["state"], answer.json["nextAttemptAt"]) == ("PENDING", MOMENT_TEXT)
    assert answer.json["failureReason"] is None
    assert [each["status"] for each in answer.json["attempts"]] == [200], "what was before stays to be seen"
    assert world.messages() == [{"tenant_id": "acme", "webhook_id": ID, "delivery_id": made.id, "round": 2, "due": 0}]
    stored = next(item for key, item in world.items().items() if made.id in key)
    assert (stored["tries"], stored["round"], stored["body"]) == (0, 2, made.body)


def test_not_for_a_webhook_that_is_switched_off(world: World, webhooks: WebhookRepository) -> None:
    made = delivered()
    webhooks.edit(WEBHOOK, WEBHOOK.model_copy(update={"active": False, "version": 2}))
    assert again(made.id).error == (409, "webhook_inactive")
    assert read(made.id).json["state"] == "DELIVERED"
    assert world.messages() == []


def test_not_while_an_attempt_is_being_made(world: World, time: Clock) -> None:
    lease = int(MOMENT.timestamp() * 1000) + 30_000
    made = delivered(state=DeliveryState.PENDING, lease_until=lease)
    assert again(made.id).error == (409, "conflict")
    assert world.messages() == []
    time.forward(seconds=31)
    assert again(made.id).status == 202


def test_two_who_ask_at_once_begin_one_round(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = delivered()
    restart = DeliveryRepository.restart

    def after_another(self: DeliveryRepository, *asked: Any) -> Delivery:
        monkeypatch.setattr(DeliveryRepository, "restart", restart)
        assert again(made.id).status == 202
        return restart(self, *asked)

    monkeypatch.setattr(DeliveryRepository, "restart", after_another)
    assert again(made.id).error == (409, "conflict")
    assert [message["round"] for message in world.messages()] == [2]


def test_once_a_minute_and_not_as_often_as_somebody_asks(world: World, time: Clock) -> None:
    made = delivered()
    assert again(made.id).status == 202
    for _ in range(3):
        assert again(made.id).error == (409, "conflict")
    assert len(world.messages()) == 1
    time.forward(minutes=1)
    assert again(made.id).status == 202


def test_one_that_did_not_get_into_the_queue_is_asked_for_once_more(
    world: World, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = delivered()
    send = clients.sqs().send_message

    def refuse(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://aws.example")

    monkeypatch.setattr(clients.sqs(), "send_message", refuse)
    assert again(made.id).error == (503, "service_unavailable")
    monkeypatch.setattr(clients.sqs(), "send_message", send)
    time.forward(minutes=1)
    assert again(made.id).status == 202
    assert [message["round"] for message in world.messages()] == [3]
