"""Webhooks from a change of a ticket to somebody's server and back, on the deployed stack."""

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from standardwebhooks import Webhook as Verifier

from tests.harness.people import TICKET, OwnTenant
from tests.harness.postbox import until
from tests.harness.receiver import Behaviour, Received, Receiver, answering, in_turn
from tests.harness.stack import Stack


@pytest.fixture(scope="module")
def tenant(found_tenant: Callable[[], OwnTenant]) -> OwnTenant:
    return found_tenant()


class Hook:
    """A webhook of a tenant, at a path of its own."""

    def __init__(self, tenant: OwnTenant, receiver: Receiver, behaviour: Behaviour, **values: Any) -> None:
        self.path = f"/{uuid4()}"
        self.receiver = receiver
        self.admin = tenant.admin
        receiver.behaviours[self.path] = behaviour
        body = {"url": receiver.origin + self.path, "eventTypes": ["TicketCreated"]} | values
        made = self.admin.post("/v1/webhooks", json=body, expect=201)
        self.url, self.secret = made.headers["Location"], made.json()["secret"]

    def verified(self, request: Received) -> Any:
        return Verifier(self.secret).verify(request.body, request.headers)

    def deliveries(self, **query: str) -> list[Any]:
        found: list[Any] = self.admin.get(f"{self.url}/deliveries", params=query).json()
        return found

    def settled(self, number: int = 1) -> list[Any]:
        """Return the deliveries, when there are so many and none is pending."""
        return until(
            self.deliveries, lambda found: len(found) == number and all(each["state"] != "PENDING" for each in found)
        )

    def shown(self) -> Any:
        return self.admin.get(self.url).json()

    def end(self) -> None:
        self.admin.delete(self.url)


@pytest.fixture
def hook(tenant: OwnTenant, receiver: Receiver) -> Any:
    """Make webhooks that go with the test."""
    made: list[Hook] = []

    def make(behaviour: Behaviour | None = None, **values: Any) -> Hook:
        made.append(Hook(tenant, receiver, behaviour or answering(200, b"ok"), **values))
        return made[-1]

    yield make
    for each in made:
        each.end()


type MakeHook = Callable[..., Hook]


def change(tenant: OwnTenant) -> str:
    """Create a ticket and return where it is."""
    created = tenant.admin.post("/v1/tickets", json=TICKET)
    assert created.status_code == 201
    return created.headers["Location"]


def test_a_receiver_gets_what_it_asked_for_and_can_check_it(tenant: OwnTenant, hook: MakeHook) -> None:
    mine = hook(eventTypes=["TicketCreated", "TicketTransitioned"])
    ticket = change(tenant)
    tenant.admin.patch(ticket, json={"title": "Another"})  # it did not ask for that
    tenant.admin.post(f"{ticket}/transitions", json={"to": "OPEN"})
    requests = mine.receiver.got(mine.path, 2)
    events = {event["type"]: event for event in map(mine.verified, requests)}
    assert events.keys() == {"TicketCreated", "TicketTransitioned"}
    history = {event["type"]: event for event in tenant.admin.get(f"{ticket}/history").json()}
    for kind, event in events.items():
        assert event["data"]["id"] == history[kind]["id"]
        assert event["timestamp"] == history[kind]["occurredAt"]
    assert events["TicketTransitioned"]["data"]["changes"]["status"] == {"from": "NEW", "to": "OPEN"}
    for delivery in mine.settled(2):
        assert (delivery["state"], delivery["attempts"][0]["response"]) == ("DELIVERED", "ok")
        shown = mine.admin.get(f"{mine.url}/deliveries/{delivery['id']}").json()
        assert shown["payload"]["data"]["ticketId"] == ticket.rpartition("/")[2]
    assert {delivery["id"] for delivery in mine.deliveries()} == {each.headers["webhook-id"] for each in requests}


def test_what_fails_is_sent_again_the_same_and_signed_anew(tenant: OwnTenant, hook: MakeHook) -> None:
    mine = hook(in_turn(answering(500, b"no"), answering(200)))
    change(tenant)
    first, second = mine.receiver.got(mine.path, 2)
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert mine.verified(first) == mine.verified(second)
    (delivery,) = mine.settled()
    assert delivery["state"] == "DELIVERED"
    assert [(each["status"], each["response"]) for each in delivery["attempts"]] == [(500, "no"), (200, "")]
    assert until(mine.shown, lambda webhook: webhook["version"] == 3)["failingSince"] is None


def test_a_redirect_is_a_failure_and_after_the_last_attempt_it_is_over(tenant: OwnTenant, hook: MakeHook) -> None:
    other = hook()
    mine = hook(answering(302, Location=other.receiver.origin + other.path))
    other.admin.patch(other.url, json={"active": False})
    change(tenant)
    (delivery,) = mine.settled()
    assert (delivery["state"], delivery["nextAttemptAt"]) == ("FAILED", None)
    assert [each["status"] for each in delivery["attempts"]] == [302] * 3
    assert not [request for request in mine.receiver.requests if request.path == other.path]
    assert until(mine.shown, lambda webhook: webhook["failingSince"] is not None)["active"]


@pytest.mark.long
def test_who_is_slow_is_given_up_in_time(tenant: OwnTenant, hook: MakeHook) -> None:
    def silence(_: Any) -> None:
        time.sleep(12)

    mine = hook(in_turn(silence, answering(204)))
    change(tenant)
    (delivery,) = mine.settled()
    late, good = delivery["attempts"]
    assert (late["status"], late["error"]) == (None, "no answer within 10 s")
    assert 10_000 <= late["ms"] < 11_500
    assert good["status"] == 204


def test_who_is_gone_is_switched_off(tenant: OwnTenant, hook: MakeHook) -> None:
    mine, other = hook(answering(410)), hook()
    change(tenant)
    assert mine.settled()[0]["state"] == "FAILED"
    webhook = until(mine.shown, lambda webhook: not webhook["active"])
    assert webhook["disabledReason"] == "The receiver answered 410: it is gone."
    mine.receiver.behaviours[mine.path] = answering(200)
    change(tenant)
    other.receiver.got(other.path, 2)  # and nobody tells the one that is switched off
    (delivery,) = mine.deliveries()
    assert mine.admin.post(f"{mine.url}/deliveries/{delivery['id']}/redeliver").json()["code"] == "webhook_inactive"
    again = mine.admin.patch(mine.url, json={"active": True}).json()
    assert (again["active"], again["failingSince"], again["disabledReason"]) == (True, None, None)
    change(tenant)
    mine.receiver.got(mine.path, 2)
    assert [each["state"] for each in mine.settled(2)] == ["DELIVERED", "FAILED"]


def test_what_is_asked_for_anew_is_the_same_once_more(tenant: OwnTenant, hook: MakeHook) -> None:
    mine = hook(answering(200, b"x" * 5000))
    change(tenant)
    (delivery,) = mine.settled()
    assert delivery["attempts"][0]["response"] == "x" * 1024
    answer = mine.admin.post(f"{mine.url}/deliveries/{delivery['id']}/redeliver")
    assert (answer.status_code, answer.json()["state"]) == (202, "PENDING")
    first, second = mine.receiver.got(mine.path, 2)
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert mine.verified(second)
    (after,) = mine.settled()
    assert len(after["attempts"]) == 2


def test_the_log_is_paged_and_the_newest_comes_first(tenant: OwnTenant, hook: MakeHook) -> None:
    mine = hook()
    tickets = [change(tenant).rpartition("/")[2] for _ in range(5)]
    mine.settled(5)
    found: list[str] = []
    link = f"{mine.url}/deliveries?limit=2&state=DELIVERED"
    while link:
        page = mine.admin.get(link)
        found += [each["ticketId"] for each in page.json()]
        link = page.links.get("next", {}).get("url", "")
    assert found == tickets[::-1]


def test_both_secrets_sign_while_one_is_changed(tenant: OwnTenant, hook: MakeHook) -> None:
    mine = hook()
    new = mine.admin.post(f"{mine.url}/secret", json={}).json()["secret"]
    change(tenant)
    (request,) = mine.receiver.got(mine.path)
    assert Verifier(new).verify(request.body, request.headers) == mine.verified(request)


@pytest.mark.long
def test_nothing_is_sent_any_more_after_the_webhook_or_its_tenant_is_gone(
    stack: Stack, receiver: Receiver, found_tenant: Callable[[], OwnTenant]
) -> None:
    leaving = found_tenant()
    gone = Hook(leaving, receiver, answering(200))
    gone.end()
    mine = Hook(leaving, receiver, in_turn(answering(500), answering(200)))
    change(leaving)
    receiver.got(mine.path)
    assert leaving.admin.delete("/v1/tenant", params={"name": leaving.name}).status_code == httpx.codes.ACCEPTED
    seen = len(receiver.got(mine.path))
    leaving.delete()  # waits until the receipt is complete
    time.sleep(3)  # longer than the next attempt would have taken: nothing comes that could be waited for
    assert len(receiver.got(mine.path)) <= seen + 1  # one attempt may have been under way
    assert not [request for request in receiver.requests if request.path == gone.path]
    scan: Any = stack.client("dynamodb").get_paginator("scan")
    pages = scan.paginate(TableName=stack.outputs["NotificationsTableName"])
    left = [item["PK"]["S"] for page in pages for item in page["Items"] if leaving.id in item["PK"]["S"]]
    assert left == []


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:1/",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://2130706433/",
        "https://0x7f.1/",
        "file:///etc/passwd",
        "https://nowhere.invalid/",
    ],
)
def test_addresses_that_are_not_public_are_refused(tenant: OwnTenant, url: str) -> None:
    answer = tenant.admin.post("/v1/webhooks", json={"url": url, "eventTypes": ["*"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "webhook_target_not_allowed")


def test_no_other_port_of_this_machine_is_reached(tenant: OwnTenant, stack: Stack) -> None:
    for url in (stack.base_url, stack.aws_endpoint, f"http://127.0.0.1:{stack.port}"):
        answer = tenant.admin.post("/v1/webhooks", json={"url": url, "eventTypes": ["*"]})
        assert answer.status_code == 422, url
