"""The operations of webhooks, from API Gateway's event to the notifications table on moto and back."""

from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from functions.webhooks import (
    create_webhook,
    delete_webhook,
    get_webhook,
    list_webhooks,
    rotate_secret,
    update_webhook,
)
from tests.unit.conftest import Clock
from tests.unit.support import (
    ADMIN,
    ADMIN_ID,
    AGENT,
    MOMENT_TEXT,
    NEWCOMER,
    REPORTER,
    STRANGER,
    USERS_TABLE,
    Answer,
    cancelled,
    data_of,
)
from tests.unit.webhooks.conftest import PUBLIC, URL, Names, World, call
from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.aws import clients
from ticketing.webhooks.models import MOST_SECRETS, Secret
from ticketing.webhooks.repository import WebhookRepository

BODY = {"url": URL, "eventTypes": ["TicketCreated"]}
UNKNOWN = "019c1f0e-7a3b-7c41-9d2e-5f60718293a4"
ADMINS_KEY = Caller(UNKNOWN, "acme", Role.ADMIN, is_api_key=True)
OWN_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

pytestmark = pytest.mark.usefixtures("world", "names", "time")


def create(body: Any = BODY, caller: Caller = ADMIN) -> Answer:
    return call(create_webhook.handler, "POST", "/v1/webhooks", caller, body=body)


def made(caller: Caller = ADMIN, **values: Any) -> str:
    answer = create(BODY | values, caller)
    assert answer.status == 201, answer.text
    return str(answer.json["id"])


def read(webhook_id: str, caller: Caller = ADMIN, **sent: Any) -> Answer:
    return call(get_webhook.handler, "GET", f"/v1/webhooks/{webhook_id}", caller, **sent)


def listed(caller: Caller = ADMIN) -> list[Any]:
    answer: list[Any] = call(list_webhooks.handler, "GET", "/v1/webhooks", caller).json
    return answer


def update(webhook_id: str, body: Any, caller: Caller = ADMIN, **sent: Any) -> Answer:
    return call(update_webhook.handler, "PATCH", f"/v1/webhooks/{webhook_id}", caller, body=body, **sent)


def delete(webhook_id: str, caller: Caller = ADMIN, **sent: Any) -> Answer:
    return call(delete_webhook.handler, "DELETE", f"/v1/webhooks/{webhook_id}", caller, **sent)


def rotate(webhook_id: str, body: Any = None, caller: Caller = ADMIN, **sent: Any) -> Answer:
    return call(rotate_secret.handler, "POST", f"/v1/webhooks/{webhook_id}/secret", caller, body=body or {}, **sent)


def secrets(webhook_id: str) -> list[Secret]:
    found = WebhookRepository(data_of(clients.dynamodb(), "acme")).get_with_secrets(webhook_id)
    assert found is not None
    return found[1]


# --- Making


def test_a_new_webhook_with_its_secret() -> None:
    answer = create()
    secret = answer.json.pop("secret")
    assert answer.status == 201
    shown = answer.json
    shown.pop("secret")
    assert shown == {
        "id": shown["id"],
        "url": URL,
        "eventTypes": ["TicketCreated"],
        "description": None,
        "internalComments": False,
        "active": True,
        "failingSince": None,
        "pausedUntil": None,
        "disabledReason": None,
        "version": 1,
        "createdById": ADMIN_ID,
        "createdAt": MOMENT_TEXT,
        "updatedAt": MOMENT_TEXT,
    }
    assert answer.headers["Location"] == f"/v1/webhooks/{shown['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert Verifier(secret)
    assert [each.key for each in secrets(shown["id"])] == [secret]


def test_a_secret_is_told_once() -> None:
    secret = create().json["secret"]
    webhook_id = listed()[0]["id"]
    for text in (read(webhook_id).text, str(listed()), update(webhook_id, {"description": "D"}).text):
        assert secret not in text
        assert "whsec_" not in text


def test_all_that_can_be_said_of_a_new_one() -> None:
    body = {
        "url": f" {URL} ",
        "eventTypes": ["TicketCreated", "CommentAdded", "TicketCreated"],
        "description": " Chat ",
        "internalComments": True,
        "active": False,
        "secret": OWN_SECRET,
    }
    answer = create(body).json
    assert answer["url"] == URL
    assert answer["eventTypes"] == ["TicketCreated", "CommentAdded"]
    assert (answer["description"], answer["internalComments"], answer["active"]) == ("Chat", True, False)
    assert answer["secret"] == OWN_SECRET


def test_everything_is_everything() -> None:
    assert create(BODY | {"eventTypes": ["TicketCreated", "*"]}).json["eventTypes"] == ["*"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"url": None}, "url"),
        ({"url": 1}, "url"),
        ({"url": "https://example.com/" + "x" * 2000}, "url"),
        ({"eventTypes": []}, "eventTypes"),
        ({"eventTypes": "*"}, "eventTypes"),
        ({"eventTypes": ["TicketMoved"]}, "eventTypes.0"),
        ({"eventTypes": ["TicketCreated"] * 13}, "eventTypes"),
        ({"description": ""}, "description"),
        ({"description": "x" * 201}, "description"),
        ({"description": "a\0b"}, "description"),
        ({"internalComments": "yes"}, "internalComments"),
        ({"active": 1}, "active"),
        ({"active": None}, "active"),
        ({"secret": "secret"}, "secret"),
        ({"secret": None}, "secret"),
        ({"secret": "whsec_" + "A" * 200}, "secret"),
        ({"failingSince": None}, "failingSince"),
        ({"event_types": ["*"]}, "event_types"),
    ],
)
def test_what_is_no_webhook(world: World, change: dict[str, Any], where: str) -> None:
    answer = create(BODY | change)
    assert answer.error == (400, "bad_request")
    assert [detail.partition(":")[0] for detail in answer.details] == [where]
    assert "whsec_AAA" not in answer.text
    assert world.items() == {}


@pytest.mark.parametrize("url", ["http://hooks.example.com/", "https://127.0.0.1/", "https://private.example.com/"])
def test_an_address_that_nothing_may_be_sent_to(world: World, names: Names, url: str) -> None:
    names.addresses["private.example.com"] = ["10.0.0.1"]
    answer = create(BODY | {"url": url})
    assert answer.error == (422, "webhook_target_not_allowed")
    assert answer.details[0].startswith("url: must ")
    assert world.items() == {}


def test_a_name_that_does_not_resolve_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: Any) -> None:
        raise TimeoutError

    monkeypatch.setattr("ticketing.webhooks.operations.addresses_of", late)
    assert create().error == (422, "webhook_target_not_allowed")


def on_host(names: Names, number: int) -> str:
    """Return an address on a host of many."""
    names.addresses[f"hooks{number}.example.com"] = [PUBLIC]
    return f"https://hooks{number}.example.com/in"


def test_five_lead_to_one_host_at_most(names: Names) -> None:
    """One change is not twenty posts to somebody, each with nine attempts."""
    first = [made(url=f"https://Hooks.example.com:{port}/{port}") for port in range(8001, 8006)]
    for _ in range(2):
        assert create().error == (409, "too_many_webhooks")
    made(STRANGER)
    other = made(url=on_host(names, 1))
    assert update(other, {"url": URL}).error == (409, "too_many_webhooks")
    assert update(first[0], {"url": URL}).status == 200
    assert update(first[0], {"url": on_host(names, 1)}).status == 200
    assert update(other, {"url": URL}).status == 200


def test_a_tenant_has_twenty_at_most(world: World, names: Names) -> None:
    for number in range(19):
        made(url=on_host(names, number // 5))
    made()
    made(STRANGER)
    assert create().error == (409, "too_many_webhooks")
    assert len(listed()) == 20
    assert delete(listed()[0]["id"]).status == 204
    assert made()
    assert create().error == (409, "too_many_webhooks")
    assert world.items()["TENANT#acme#WEBHOOKS COUNT"] == {"webhooks": 20}


@pytest.mark.parametrize("state", ["DELETING", None])
def test_a_tenant_that_goes_gets_no_webhooks(world: World, state: str | None) -> None:
    if state:
        world.tenant("acme", state)
    else:
        key = {"PK": {"S": "TENANT#acme#TENANT"}, "SK": {"S": "TENANT"}}
        world.client.delete_item(TableName=USERS_TABLE, Key=key)
    assert create().error == (404, "tenant_not_found")
    assert world.items() == {}


@pytest.mark.parametrize("times", [1, 5])
def test_a_race_is_run_again(world: World, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    write, lost = world.client.transact_write_items, [cancelled(world.client, "None", "TransactionConflict", "None")]
    lost *= times

    def after_others(**asked: Any) -> Any:
        if lost:
            raise lost.pop()
        return write(**asked)

    monkeypatch.setattr(world.client, "transact_write_items", after_others)
    monkeypatch.setattr("ticketing.dynamodb.transactions.time.sleep", lambda _: None)
    if times == 1:
        assert create().status == 201
    else:
        assert create().error == (409, "conflict")
        assert world.items() == {}


# --- Who may


@pytest.mark.parametrize("caller", [REPORTER, AGENT, NEWCOMER])
def test_webhooks_are_for_admins(caller: Caller) -> None:
    webhook_id = made()
    for answer in (create(BODY, caller), read(webhook_id, caller), update(webhook_id, {"active": False}, caller)):
        assert answer.error == (403, "forbidden")
    for answer in (delete(webhook_id, caller), rotate(webhook_id, caller=caller)):
        assert answer.error == (403, "forbidden")
    assert read(webhook_id).json["version"] == 1


def test_an_api_key_reads_and_deletes_and_leads_nothing_anywhere() -> None:
    webhook_id = made()
    for answer in (
        create(BODY, ADMINS_KEY),
        update(webhook_id, {"active": False}, ADMINS_KEY),
        rotate(webhook_id, caller=ADMINS_KEY),
    ):
        assert answer.error == (403, "forbidden")
    assert read(webhook_id, ADMINS_KEY).status == 200
    assert delete(webhook_id, ADMINS_KEY).status == 204


@pytest.mark.parametrize("values", [{"active": False}, {"role": "agent"}])
def test_who_is_no_admin_any_more_leads_nothing_anywhere(world: World, values: dict[str, Any]) -> None:
    webhook_id = made()
    world.person(ADMIN, **values)
    for answer in (create(), update(webhook_id, {"url": URL + "/2"}), rotate(webhook_id)):
        assert answer.error == (403, "forbidden")


def test_another_tenants_webhook_is_not_there() -> None:
    webhook_id = made()
    for answer in (
        read(webhook_id, STRANGER),
        update(webhook_id, {"active": False}, STRANGER),
        rotate(webhook_id, caller=STRANGER),
        delete(webhook_id, STRANGER),
    ):
        assert answer.error == (404, "webhook_not_found")
    assert listed(STRANGER) == []
    assert read(webhook_id).json["version"] == 1


@pytest.mark.parametrize("webhook_id", [UNKNOWN, "x", "COUNT"])
def test_what_names_no_webhook(webhook_id: str) -> None:
    for answer in (
        read(webhook_id),
        update(webhook_id, {"active": False}),
        rotate(webhook_id),
        delete(webhook_id),
    ):
        assert answer.error == (404, "webhook_not_found")


# --- Reading and changing


def test_the_list_is_in_the_order_of_making() -> None:
    ids = [made() for _ in range(3)]
    assert [webhook["id"] for webhook in listed()] == ids


def test_what_is_current_is_not_sent_again() -> None:
    webhook_id = made()
    assert read(webhook_id.upper(), headers={"If-None-Match": '"1"'}).status == 304
    assert read(webhook_id, headers={"If-None-Match": '"2"'}).status == 200


def test_a_change_makes_a_version(time: Clock) -> None:
    webhook_id = made(description="Chat")
    time.forward(seconds=1)
    change = {"url": "https://hooks.example.com/2", "eventTypes": ["*"], "description": None, "internalComments": True}
    answer = update(webhook_id, change, headers={"If-Match": '"1"'})
    assert answer.status == 200
    assert answer.json | change == answer.json
    assert (answer.json["version"], answer.headers["ETag"]) == (2, '"2"')
    assert answer.json["updatedAt"] > answer.json["createdAt"]
    assert read(webhook_id).json == answer.json


def test_no_change_makes_none(names: Names) -> None:
    webhook_id = made()
    names.asked.clear()
    assert update(webhook_id, BODY).json["version"] == 1
    assert names.asked == []


@pytest.mark.parametrize("body", [{}, {"url": None}, {"secret": OWN_SECRET}, {"eventTypes": []}, {"version": 7}])
def test_what_is_no_change(body: Any) -> None:
    webhook_id = made()
    assert update(webhook_id, body).error == (400, "bad_request")
    assert read(webhook_id).json["version"] == 1


def test_a_new_address_is_looked_at_too() -> None:
    webhook_id = made()
    assert update(webhook_id, {"url": "https://10.0.0.1/"}).error == (422, "webhook_target_not_allowed")
    assert read(webhook_id).json["url"] == URL


@pytest.mark.parametrize("change", [update, delete, rotate])
def test_a_version_that_is_not_the_current_one(change: Any) -> None:
    webhook_id = made()
    update(webhook_id, {"description": "D"})
    sent: dict[str, Any] = {"body": {"active": False}} if change is update else {}
    assert change(webhook_id, headers={"If-Match": '"1"'}, **sent).error == (412, "precondition_failed")
    assert read(webhook_id).json["version"] == 2


def _failing(webhook_id: str, **values: Any) -> None:
    """Let a webhook fail, as its deliveries do."""
    webhooks = WebhookRepository(data_of(clients.dynamodb(), "acme"))
    before = webhooks.get(webhook_id)
    assert before is not None
    webhooks.edit(before, before.model_copy(update={"version": before.version + 1, **values}))


@pytest.mark.parametrize("change", [{"active": True}, {"url": URL + "/2"}])
def test_a_new_beginning(change: dict[str, Any]) -> None:
    webhook_id = made()
    _failing(webhook_id, active=False, failing_since=MOMENT_TEXT, disabled_reason="R")
    assert read(webhook_id).json["disabledReason"] == "R"
    webhook = update(webhook_id, change).json
    assert (webhook["failingSince"], webhook["disabledReason"]) == (None, None)


def test_another_change_is_no_new_beginning() -> None:
    webhook_id = made()
    _failing(webhook_id, failing_since=MOMENT_TEXT)
    assert update(webhook_id, {"description": "D", "active": True}).json["failingSince"] == MOMENT_TEXT


# --- Deleting


def test_of_a_deleted_webhook_only_its_way_to_the_deliveries_is_left(world: World, time: Clock) -> None:
    webhook_id = made()
    assert delete(webhook_id).status == 204
    later = int((time.now + timedelta(days=60)).timestamp())
    assert world.items() == {
        f"TENANT#acme#WEBHOOKS GONE#{webhook_id}": {"expiresAt": later},
        "TENANT#acme#WEBHOOKS COUNT": {"webhooks": 0},
    }
    assert read(webhook_id).error == (404, "webhook_not_found")
    assert delete(webhook_id).error == (404, "webhook_not_found")
    assert listed() == []


def test_a_webhook_that_changes_meanwhile_is_deleted_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook_id = made()
    write, others = world.client.transact_write_items, [1]

    def after_others(**asked: Any) -> Any:
        if others:
            others.pop()
            _failing(webhook_id, failing_since=MOMENT_TEXT)
        return write(**asked)

    monkeypatch.setattr(world.client, "transact_write_items", after_others)
    assert delete(webhook_id).status == 204
    assert listed() == []


# --- Secrets


def test_the_old_secret_signs_along_for_a_day(time: Clock) -> None:
    first = create().json
    webhook_id, second = first["id"], rotate(first["id"]).json["secret"]
    old, new = first["secret"], second
    assert [each.key for each in secrets(webhook_id)] == [new, old]
    time.forward(hours=23, minutes=59)
    assert [each.signs(clock.now()) for each in secrets(webhook_id)] == [True, True]
    time.forward(minutes=1)
    assert [each.signs(clock.now()) for each in secrets(webhook_id)] == [True, False]
    third = rotate(webhook_id).json["secret"]
    assert [each.key for each in secrets(webhook_id)] == [third, new]


def test_one_that_was_replaced_keeps_its_own_day(time: Clock) -> None:
    webhook_id = made(secret=OWN_SECRET)
    rotate(webhook_id)
    time.forward(hours=20)
    rotate(webhook_id)
    time.forward(hours=5)
    assert [each.signs(clock.now()) for each in secrets(webhook_id)] == [True, True, False]


def test_a_secret_of_ones_own_is_taken_once() -> None:
    webhook_id = made()
    first = rotate(webhook_id, {"secret": OWN_SECRET})
    again = rotate(webhook_id, {"secret": OWN_SECRET})
    assert (first.status, first.json["secret"], first.json["version"]) == (200, OWN_SECRET, 2)
    assert again.json == first.json
    assert len(secrets(webhook_id)) == 2


def test_an_old_secret_can_come_back() -> None:
    webhook_id = made(secret=OWN_SECRET)
    other = rotate(webhook_id).json["secret"]
    rotate(webhook_id, {"secret": OWN_SECRET})
    assert [each.key for each in secrets(webhook_id)] == [OWN_SECRET, other]
    assert secrets(webhook_id)[0].until is None


def test_the_newest_sign_however_often_they_are_replaced() -> None:
    webhook_id = made()
    last = [rotate(webhook_id).json["secret"] for _ in range(7)][-1]
    assert len(secrets(webhook_id)) == MOST_SECRETS
    assert secrets(webhook_id)[0].key == last


def test_what_is_no_secret_replaces_none() -> None:
    webhook_id = made()
    assert rotate(webhook_id, {"secret": "whsec_"}).error == (400, "bad_request")
    assert rotate(webhook_id, {"key": OWN_SECRET}).error == (400, "bad_request")
    assert read(webhook_id).json["version"] == 1
