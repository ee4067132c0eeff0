"""The operations of saved views, from API Gateway's event to the search table on moto and back."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.conftest import Clock
from tests.unit.support import (
    ADMIN,
    ADMIN_ID,
    AGENT,
    AGENT_ID,
    MOMENT_TEXT,
    NEWCOMER,
    OTHER_REPORTER,
    REPORTER,
    REPORTER_ID,
    STRANGER,
    cancelled,
    put_user,
)
from tests.unit.views.conftest import BODY, Desk
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.aws import clients
from ticketing.views.errors import ViewNotFoundError
from ticketing.views.models import MOST_OWN, MOST_SHARED
from ticketing.views.operations import view_for

UNKNOWN = "019c1f0e-7a3b-7c41-9d2e-5f60718293a5"
COLLEAGUE = Caller("55555555-5555-4555-8555-555555555555", "acme", Role.AGENT)
SECOND_ADMIN = Caller("66666666-6666-4666-8666-666666666666", "acme", Role.ADMIN)
KEY = Caller(UNKNOWN, "acme", Role.AGENT, is_api_key=True)

pytestmark = pytest.mark.usefixtures("time")


# --- Saving


def test_a_new_view(desk: Desk) -> None:
    answer = desk.create(sort="-priority", position=2)
    assert answer.status == 201
    assert answer.json == {
        "id": answer.json["id"],
        "name": "Printers",
        "query": "printer status:OPEN",
        "sort": "-priority",
        "shared": False,
        "position": 2,
        "ownerId": AGENT_ID,
        "version": 1,
        "createdAt": MOMENT_TEXT,
        "updatedAt": MOMENT_TEXT,
    }
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["Location"] == f"/v1/views/{answer.json['id']}"
    assert desk.read(answer.json["id"]).json == answer.json
    assert desk.listed() == [answer.json]


def test_what_need_not_be_said(desk: Desk) -> None:
    view = desk.create(query="").json
    assert (view["query"], view["sort"], view["shared"], view["position"]) == ("", None, False, None)


def test_a_query_is_not_trimmed(desk: Desk) -> None:
    query = "  Printer   -jam\ttag:X "
    assert desk.read(desk.made(query=query)).json["query"] == query


def test_every_mistake_of_a_query_is_named_with_its_place(desk: Desk) -> None:
    answer = desk.create(query="stauts:NEW printer priority:HUGE", name="", colour=1)
    assert answer.error == (400, "bad_request")
    of_query = [detail for detail in answer.details if detail.startswith("query: ")]
    assert of_query[0].startswith("query: 0-6: ")
    assert of_query[1].startswith("query: 28-32: ")
    assert {detail.partition(":")[0] for detail in answer.details} == {"query", "name", "colour"}
    assert desk.items() == {}


@pytest.mark.parametrize(
    "query", ["x " * 251, "x" * 501, " ".join(["w"] * 17), '"open', "tag:", "-", "*", "created:2026-13-01", "a\0b"]
)
def test_what_no_search_takes_is_not_saved(desk: Desk, query: str) -> None:
    answer = desk.create(query=query)
    assert answer.error == (400, "bad_request")
    assert all(detail.startswith("query: ") for detail in answer.details)
    view = desk.made()
    assert desk.update(view, {"query": query}).error == (400, "bad_request")
    assert desk.read(view).json["query"] == BODY["query"]


@pytest.mark.parametrize(
    "values",
    [
        *({"name": name} for name in ("", " ", "x" * 101, "\u200b", "a\0", 7, None)),
        *({"sort": sort} for sort in ("", "-relevance", "title", 1)),
        *({"position": position} for position in (-1, 10_000, 1.5, "1", True)),
        *({"shared": shared} for shared in ("true", 1, None)),
        *({"query": query} for query in (None, 1, ["x"])),
        {"ownerId": ADMIN_ID},
    ],
    ids=str,
)
def test_what_is_no_view(desk: Desk, values: dict[str, Any]) -> None:
    assert desk.create(**values).error == (400, "bad_request")


@pytest.mark.parametrize("caller", [REPORTER, AGENT, ADMIN, KEY], ids=lambda caller: caller.user_id)
def test_everybody_keeps_views_of_their_own(desk: Desk, caller: Caller) -> None:
    view = desk.made(caller)
    assert desk.names(caller) == ["Printers"]
    assert desk.update(view, {"name": "Other"}, caller).status == 200
    assert desk.delete(view, caller).status == 204
    assert desk.names(caller) == []


def test_nobody_without_a_tenant_has_any(desk: Desk) -> None:
    assert desk.create(NEWCOMER).error == (403, "forbidden")


def test_a_tenant_that_is_being_deleted_gets_no_more(desk: Desk) -> None:
    desk.tenant("acme", "DELETING")
    assert desk.create().error == (404, "tenant_not_found")
    assert desk.items() == {}


# --- Whose they are


@pytest.mark.parametrize("other", [ADMIN, COLLEAGUE, REPORTER, STRANGER], ids=lambda caller: caller.user_id)
def test_ones_own_is_nobody_elses(desk: Desk, other: Caller) -> None:
    view = desk.made()
    assert desk.names(other) == []
    assert desk.read(view, other).error == (404, "view_not_found")
    assert desk.update(view, {"name": "Mine"}, other).error == (404, "view_not_found")
    assert desk.delete(view, other).error == (404, "view_not_found")
    with pytest.raises(ViewNotFoundError):
        view_for(other, view)
    assert desk.read(view).json["version"] == 1


def test_shared_ones_are_for_those_who_work_on_the_desk(desk: Desk) -> None:
    view = desk.made(ADMIN, shared=True)
    for caller in (AGENT, ADMIN, COLLEAGUE, KEY):
        assert desk.read(view, caller).json["ownerId"] == ADMIN_ID
        assert desk.names(caller) == ["Printers"]
        assert view_for(caller, view).query == BODY["query"]
    for caller in (REPORTER, STRANGER):
        assert desk.names(caller) == []
        assert desk.read(view, caller).error == (404, "view_not_found")
        assert desk.update(view, {"name": "Mine"}, caller).error == (404, "view_not_found")
        assert desk.delete(view, caller).error == (404, "view_not_found")
        with pytest.raises(ViewNotFoundError):
            view_for(caller, view)


@pytest.mark.parametrize("caller", [REPORTER, AGENT], ids=lambda caller: caller.role)
def test_only_admins_share(desk: Desk, caller: Caller) -> None:
    answer = desk.create(caller, shared=True)
    assert (answer.error, answer.details) == ((403, "forbidden"), ["shared"])
    view = desk.made(caller)
    assert desk.update(view, {"shared": True}, caller).error == (403, "forbidden")
    assert desk.names(ADMIN) == []


def test_only_admins_change_shared_ones(desk: Desk) -> None:
    view = desk.made(ADMIN, shared=True)
    for body in ({"name": "Mine"}, {"shared": False}, {"query": BODY["query"]}):
        assert desk.update(view, body).error == (403, "forbidden")
    assert desk.delete(view).error == (403, "forbidden")
    assert desk.update(view, {"name": "Ours"}, SECOND_ADMIN).json["ownerId"] == ADMIN_ID
    assert desk.delete(view, SECOND_ADMIN).status == 204


@pytest.mark.parametrize(
    "now", [{"active": False}, {"user": replace(ADMIN, role=Role.AGENT)}], ids=["deactivated", "demoted"]
)
def test_who_is_no_admin_any_more_shares_nothing(desk: Desk, now: dict[str, Any]) -> None:
    own, shared = desk.made(ADMIN), desk.made(ADMIN, shared=True)
    before = desk.items()
    put_user(desk.client, **{"user": ADMIN} | now)
    assert desk.create(ADMIN, shared=True, name="Other").error == (403, "forbidden")
    assert desk.update(own, {"shared": True}, ADMIN).error == (403, "forbidden")
    assert desk.update(shared, {"name": "Other"}, ADMIN).error == (403, "forbidden")
    assert desk.delete(shared, ADMIN).error == (403, "forbidden")
    assert desk.items() == before


def test_a_view_that_is_shared_moves_and_back(desk: Desk) -> None:
    view = desk.made(ADMIN)
    shared = desk.update(view, {"shared": True}, ADMIN)
    assert (shared.json["shared"], shared.json["version"], shared.json["ownerId"]) == (True, 2, ADMIN_ID)
    assert desk.names(AGENT) == ["Printers"]
    items = desk.items()
    assert items.pop("SHARED#COUNT")["views"] == 1
    assert items.pop(f"USER#{ADMIN_ID}#COUNT")["views"] == 0
    assert len(items) == 2
    assert all(key.startswith("SHARED#") for key in items)

    taken = desk.update(view, {"shared": False, "name": "Mine now"}, SECOND_ADMIN)
    assert (taken.json["shared"], taken.json["ownerId"]) == (False, SECOND_ADMIN.user_id)
    assert desk.names(SECOND_ADMIN) == ["Mine now"]
    assert desk.names(ADMIN) == desk.names(AGENT) == []
    assert desk.read(view, SECOND_ADMIN).json == taken.json


def test_what_somebody_shared_stays_when_they_are_gone(desk: Desk) -> None:
    view = desk.made(ADMIN, shared=True)
    put_user(desk.client, ADMIN, active=False)
    assert desk.names(AGENT) == ["Printers"]
    assert desk.update(view, {"name": "Still"}, SECOND_ADMIN).status == 200


# --- Names


@pytest.mark.parametrize("name", ["Printers", "PRINTERS", " printers ", "\uff30rinters", "print\u200bers"])
def test_a_name_is_there_once(desk: Desk, name: str) -> None:
    desk.made()
    answer = desk.create(name=name)
    assert (answer.error, answer.details) == ((409, "view_name_taken"), ["name"])
    other = desk.made(name="Other")
    assert desk.update(other, {"name": name}).error == (409, "view_name_taken")
    assert desk.names() == ["Other", "Printers"]


def test_places_have_names_of_their_own(desk: Desk) -> None:
    for caller in (AGENT, ADMIN, REPORTER, COLLEAGUE):
        desk.made(caller)
    desk.made(ADMIN, shared=True)
    desk.made(STRANGER, shared=True)
    assert desk.create(SECOND_ADMIN, shared=True).error == (409, "view_name_taken")
    assert desk.names() == ["Printers", "Printers"]


def test_a_view_is_not_shared_under_a_name_that_is_shared(desk: Desk) -> None:
    view = desk.made(ADMIN)
    desk.made(SECOND_ADMIN, shared=True)
    assert desk.update(view, {"shared": True}, ADMIN).error == (409, "view_name_taken")
    assert desk.update(view, {"shared": True, "name": "Two"}, ADMIN).status == 200


def test_a_name_is_free_again(desk: Desk) -> None:
    view = desk.made()
    desk.update(view, {"name": "Other"})
    again = desk.made()
    desk.delete(again)
    assert desk.create().status == 201


def test_the_same_name_in_other_letters_is_a_change(desk: Desk) -> None:
    view = desk.made()
    assert desk.update(view, {"name": "PRINTERS"}).json["version"] == 2
    assert desk.create().error == (409, "view_name_taken")


def test_the_longest_name_in_the_longest_letters(desk: Desk) -> None:
    name = "\ufdfa" * 100  # folded, each has 18 characters
    view = desk.made(name=name)
    assert desk.create(name=name).error == (409, "view_name_taken")
    assert desk.read(view).json["name"] == name


# --- Limits


def test_nobody_has_more_than_the_maximum(desk: Desk) -> None:
    views = [desk.made(name=str(number)) for number in range(MOST_OWN)]
    assert desk.create().error == (409, "too_many_views")
    assert desk.create(COLLEAGUE).status == 201
    desk.delete(views[0])
    assert desk.create().status == 201
    assert desk.create(name="One more").error == (409, "too_many_views")


def test_no_tenant_shares_more_than_the_maximum(desk: Desk) -> None:
    views = [desk.made(ADMIN, name=str(number), shared=True) for number in range(MOST_SHARED)]
    own = desk.made(ADMIN)
    assert desk.create(ADMIN, shared=True).error == (409, "too_many_views")
    assert desk.update(own, {"shared": True}, ADMIN).error == (409, "too_many_views")
    assert desk.read(own, ADMIN).json["version"] == 1
    desk.update(views[0], {"shared": False}, ADMIN)
    assert desk.update(own, {"shared": True}, ADMIN).status == 200
    assert len(desk.listed()) == MOST_SHARED


# --- Repeating


def test_a_key_makes_one_view(desk: Desk) -> None:
    first = desk.create(key="k")
    desk.update(first.json["id"], {"position": 1})
    again = desk.create(key="k")
    assert again.status == 201
    assert again.json == first.json | {"position": 1, "version": 2}
    assert again.headers["ETag"] == '"2"'
    assert len(desk.listed()) == 1


def test_a_repeat_is_answered_when_there_is_no_room(desk: Desk) -> None:
    first = desk.create(key="k")
    for number in range(1, MOST_OWN):
        desk.made(name=str(number))
    assert desk.create(key="k").json == first.json


def test_a_key_is_its_users(desk: Desk) -> None:
    first, other = desk.create(key="k").json["id"], desk.create(COLLEAGUE, key="k").json["id"]
    assert first != other


def test_a_key_with_another_body(desk: Desk) -> None:
    desk.create(key="k")
    assert desk.create(key="k", name="Other").error == (422, "idempotency_key_reused")
    assert desk.create(key="k", position=None).error == (422, "idempotency_key_reused")


def test_a_key_of_a_view_that_was_shared_or_deleted(desk: Desk) -> None:
    view = desk.create(ADMIN, key="k").json["id"]
    desk.update(view, {"shared": True}, ADMIN)
    assert desk.create(ADMIN, key="k").json["shared"]
    desk.delete(view, ADMIN)
    assert desk.create(ADMIN, key="k").error == (409, "conflict")
    assert desk.names(ADMIN) == []


# --- Changing


def test_fields_change_alone_or_together(desk: Desk, time: Clock) -> None:
    view = desk.made(sort="created", position=3)
    time.forward(seconds=1)
    answer = desk.update(view, {"query": "tag:vpn", "sort": None})
    assert answer.headers["ETag"] == '"2"'
    shown = answer.json
    assert (shown["query"], shown["sort"], shown["position"], shown["version"]) == ("tag:vpn", None, 3, 2)
    assert shown["createdAt"] == MOMENT_TEXT < shown["updatedAt"]
    assert desk.read(view).json == shown
    assert desk.update(view, {"position": None}).json["position"] is None
    assert "position" not in next(item for key, item in desk.items().items() if "#VIEW#" in key)


def test_the_same_values_are_no_change(desk: Desk) -> None:
    view = desk.made()
    assert desk.update(view, {"name": "Printers", "shared": False}).json["version"] == 1
    assert desk.update(view, {}).error == (400, "bad_request")


def test_a_change_of_what_was_read(desk: Desk) -> None:
    view = desk.made()
    assert desk.update(view, {"position": 1}, headers={"If-Match": '"1"'}).status == 200
    assert desk.update(view, {"position": 2}, headers={"If-Match": '"1"'}).error == (412, "precondition_failed")
    assert desk.delete(view, headers={"If-Match": '"1"'}).error == (412, "precondition_failed")
    assert desk.read(view, headers={"If-None-Match": '"2"'}).status == 304
    assert desk.read(view, headers={"If-None-Match": '"1"'}).status == 200
    assert desk.delete(view, headers={"If-Match": '"2"'}).status == 204
    assert desk.delete(view).error == (404, "view_not_found")
    assert desk.update(view, {"position": 2}).error == (404, "view_not_found")


@pytest.mark.parametrize("view_id", ["7", UNKNOWN, "counts2", "COUNT"])
def test_there_is_no_such_view(desk: Desk, view_id: str) -> None:
    assert desk.read(view_id).error == (404, "view_not_found")


def test_what_nothing_is_left_of(desk: Desk) -> None:
    desk.delete(desk.made())
    assert desk.items() == {f"USER#{AGENT_ID}#COUNT": {"PK": "TENANT#acme#VIEWS", "views": 0}}


def test_the_slower_of_two_writers_decides_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    view, client = desk.made(), clients.dynamodb()
    write, others = client.transact_write_items, iter([{"position": 7}])

    def after_another(**writes: Any) -> Any:
        for change in others:
            desk.update(view, change)
        return write(**writes)

    monkeypatch.setattr(client, "transact_write_items", after_another)
    shown = desk.update(view, {"name": "Other"}).json
    assert (shown["name"], shown["position"], shown["version"]) == ("Other", 7, 3)


def test_a_race_that_is_lost_every_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    view, client = desk.made(), clients.dynamodb()

    def lost(**_: Any) -> Any:
        raise cancelled(client, "TransactionConflict")

    monkeypatch.setattr(client, "transact_write_items", lost)
    monkeypatch.setattr("ticketing.dynamodb.transactions.time.sleep", lambda _: None)
    for answer in (desk.create(name="Other"), desk.update(view, {"name": "Other"}), desk.delete(view)):
        assert answer.error == (409, "conflict")


# --- Lists


def test_lists_are_in_the_order_of_positions_then_of_names(desk: Desk) -> None:
    for name, position in (("b", None), ("C", 1), ("a", None), ("z", 0), ("B2", 1)):
        desk.made(name=name, position=position)
    desk.made(ADMIN, name="A shared one", shared=True, position=0)
    desk.made(ADMIN, name="Another shared one", shared=True)
    assert desk.names() == ["z", "B2", "C", "a", "b", "A shared one", "Another shared one"]
    assert desk.names(ADMIN) == ["A shared one", "Another shared one"]
    assert desk.names(REPORTER) == []


def test_an_item_that_cannot_be_read_is_left_out(desk: Desk) -> None:
    desk.made()
    damaged = desk.made(name="Damaged")
    key = {"PK": {"S": "TENANT#acme#VIEWS"}, "SK": {"S": f"USER#{AGENT_ID}#VIEW#{damaged}"}}
    desk.client.put_item(TableName="search", Item=key | {"id": {"S": damaged}})
    assert desk.names() == ["Printers"]
    assert desk.read(damaged).error == (500, "damaged_item")


# --- The audit trail


def test_changes_of_shared_ones_are_told(desk: Desk) -> None:
    view = desk.made(ADMIN, position=1)
    desk.update(view, {"position": 2}, ADMIN)
    assert desk.audited() == []
    desk.update(view, {"shared": True}, ADMIN)
    desk.update(view, {"query": "tag:vpn", "sort": "number"}, ADMIN)
    desk.update(view, {"query": "tag:vpn"}, ADMIN)
    desk.update(view, {"shared": False}, SECOND_ADMIN)
    desk.delete(view, SECOND_ADMIN)
    other = desk.made(ADMIN, shared=True)
    desk.delete(other, ADMIN)
    told = sorted(desk.audited(), key=lambda event: event["SK"])
    assert {(event["target"]["type"], event["target"]["id"]) for event in told} == {("VIEW", view), ("VIEW", other)}
    by_action = [(event["action"], event["changes"]) for event in told if event["target"]["id"] == view]
    assert sorted(by_action, key=str) == sorted(
        [
            ("updateView", {"shared": {"from": False, "to": True}}),
            ("updateView", {"query": {"from": BODY["query"], "to": "tag:vpn"}, "sort": {"to": "number"}}),
            (
                "updateView",
                {"shared": {"from": True, "to": False}, "ownerId": {"from": ADMIN_ID, "to": SECOND_ADMIN.user_id}},
            ),
        ],
        key=str,
    )
    assert sorted(event["action"] for event in told if event["target"]["id"] == other) == ["createView", "deleteView"]


def test_what_somebody_keeps_for_themselves_is_not_told(desk: Desk) -> None:
    for caller in (REPORTER, OTHER_REPORTER, AGENT, ADMIN):
        desk.delete(desk.made(caller), caller)
    assert desk.audited() == []
    assert REPORTER_ID in str(desk.items())
