"""Founding a tenant: all or nothing, once, and finished whatever fails."""

from dataclasses import replace
from typing import Any

import pytest

from functions.users import create_tenant, get_tenant
from tests.harness.size import sized
from tests.unit.conftest import Clock
from tests.unit.support import ADMIN, MOMENT_TEXT, NEWCOMER, REPORTER, Answer, api_event, send
from tests.unit.users.tenants.conftest import PLAN, USERS, World
from ticketing.access.identity import Caller
from ticketing.users.claims import Claims
from ticketing.users.states import TenantState
from ticketing.users.tenant_creation import finish_tenant
from ticketing.users.usage_plan import UsagePlan, UsagePlanNotFoundError, usage_key

BODY = {"name": "Acme Inc.", "adminName": "Ada"}


@pytest.fixture(autouse=True)
def _standing_still(time: Clock) -> None:
    """Times in the table are the clock's."""


@pytest.fixture
def ada(world: World) -> Caller:
    """Somebody who signed up."""
    return replace(NEWCOMER, user_id=world.account("Ada@acme.example"))


@pytest.fixture
def bob(world: World) -> Caller:
    """Somebody else who signed up."""
    return replace(NEWCOMER, user_id=world.account("bob@globex.example"))


def create(body: Any = BODY, *, caller: Caller, **event: Any) -> Answer:
    return send(create_tenant.handler, api_event("POST", "/v1/tenant", caller=caller, body=body, **event))


def test_a_newcomer_founds_a_tenant_and_is_its_admin(world: World, ada: Caller) -> None:
    answer = create(caller=ada)
    tenant_id = answer.json["id"]
    assert answer.status == 201
    assert (answer.headers["Location"], answer.headers["ETag"]) == ("/v1/tenant", '"1"')
    assert answer.json["name"] == "Acme Inc."
    items = world.items()
    assert items.keys() == {
        f"TENANT#{tenant_id}#TENANT TENANT",
        f"TENANT#{tenant_id}#USER#{ada.user_id} USER",
        "NAME#acme inc. NAME",
        f"FOUNDER#{ada.user_id} FOUNDER",
    }
    tenant = items[f"TENANT#{tenant_id}#TENANT TENANT"]
    assert (tenant["state"], tenant["admins"], tenant["foundedById"]) == ("ACTIVE", 1, ada.user_id)
    row = items[f"TENANT#{tenant_id}#USER#{ada.user_id} USER"]
    assert (row["name"], row["email"], row["role"], row["active"]) == ("Ada", "ada@acme.example", "admin", True)
    assert not any("taskKey" in item for item in items.values())
    assert world.accounts()["Ada@acme.example"] == (tenant_id, {"admin"})
    assert world.usage_keys() == {usage_key(tenant_id)}
    read = send(get_tenant.handler, api_event("GET", "/v1/tenant", caller=replace(ADMIN, tenant_id=tenant_id)))
    assert read.json == answer.json


def test_without_a_name_the_admin_is_named_after_the_address(world: World, ada: Caller) -> None:
    tenant_id = create({"name": "Acme"}, caller=ada).json["id"]
    assert world.items()[f"TENANT#{tenant_id}#USER#{ada.user_id} USER"]["name"] == "Ada"


@pytest.mark.parametrize("caller", [REPORTER, ADMIN])
def test_whoever_belongs_to_a_tenant_founds_none(world: World, caller: Caller) -> None:
    assert create(caller=caller).error == (403, "forbidden")
    assert world.items() == {}


def test_an_account_that_has_a_tenant_by_now_founds_none(world: World) -> None:
    """Its token may still be that of a newcomer."""
    user_id = world.account("eve@acme.example", "acme")
    answer = create(caller=replace(NEWCOMER, user_id=user_id))
    assert answer.error == (409, "conflict")
    assert "Refresh its tokens" in answer.json["message"]
    assert world.items() == {}


def test_an_address_that_is_not_verified_founds_nothing(world: World) -> None:
    user_id = world.account("eve@acme.example", verified=False)
    assert create(caller=replace(NEWCOMER, user_id=user_id)).error == (403, "forbidden")
    assert world.items() == {}


def test_an_account_that_is_disabled_founds_nothing(world: World, ada: Caller) -> None:
    """Its tokens are good for up to an hour still: no row says that they are not."""
    world.cognito.admin_disable_user(UserPoolId=world.pool_id, Username=ada.user_id)
    assert create(caller=ada).error == (401, "unauthorized")
    assert world.items() == {}


def test_an_account_that_is_gone_founds_nothing(world: World) -> None:
    assert create(caller=NEWCOMER).error == (401, "unauthorized")
    assert world.items() == {}


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": "a" * 101}, {"name": "A", "adminName": None}, BODY | {"id": 1}]
)
def test_what_the_contract_does_not_take(world: World, ada: Caller, body: Any) -> None:
    assert create(body, caller=ada).error == (400, "bad_request")
    assert world.items() == {}


@pytest.mark.parametrize(
    "name",
    [
        "Acme Inc.",
        " acme  INC. ",
        "Ａcme Inc.",  # noqa: RUF001 - a wide letter
        "Ac\u200bme Inc.",
        "\ufeffAcme\u00a0\u2060 Inc.",
        "Ac\u00adme Inc.\ufe0f\u3164\U000e0041",
    ],
)
def test_a_name_is_given_once(world: World, ada: Caller, bob: Caller, name: str) -> None:
    create(caller=ada)
    before = world.items()
    assert create({"name": name}, caller=bob).error == (409, "tenant_name_taken")
    assert world.items() == before
    assert world.accounts()["bob@globex.example"] == ("", set())


def test_of_two_at_once_one_gets_the_name(
    world: World, ada: Caller, bob: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Claims.create_tenant

    def late(self: Claims, *given: Any, **alongside: Any) -> None:
        monkeypatch.setattr(Claims, "create_tenant", original)
        assert create(caller=bob).status == 201
        original(self, *given, **alongside)

    monkeypatch.setattr(Claims, "create_tenant", late)
    assert create(caller=ada).error == (409, "tenant_name_taken")
    assert len([key for key in world.items() if key.endswith(" TENANT")]) == 1


def test_a_founder_who_asks_twice_at_once_founds_one(
    world: World, ada: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, first = Claims.create_tenant, list[Answer]()

    def late(self: Claims, *given: Any, **alongside: Any) -> None:
        monkeypatch.setattr(Claims, "create_tenant", original)
        first.append(create(caller=ada))
        original(self, *given, **alongside)

    monkeypatch.setattr(Claims, "create_tenant", late)
    second = create(caller=ada)
    assert (second.status, second.json) == (201, first[0].json)
    assert len(world.items()) == 4


def test_repeating_gives_the_same_tenant(world: World, ada: Caller) -> None:
    first = create(caller=ada)
    before = world.items()
    again = create({"name": "ACME inc."}, caller=ada)
    assert (again.status, again.json) == (201, first.json)
    assert world.items() == before


def test_another_name_is_no_repetition(world: World, ada: Caller) -> None:
    create(caller=ada)
    answer = create({"name": "Globex"}, caller=ada)
    assert answer.error == (409, "conflict")
    assert "Acme" not in answer.text
    assert "NAME#globex NAME" not in world.items()


def test_while_the_tenant_is_being_deleted_its_founder_founds_no_other(world: World, ada: Caller) -> None:
    tenant_id = create(caller=ada).json["id"]
    key = {"PK": f"TENANT#{tenant_id}#TENANT", "SK": "TENANT"}
    world.put(USERS, key | world.items()[f"TENANT#{tenant_id}#TENANT TENANT"] | {"state": "DELETING"})
    for name in ("Acme Inc.", "Globex"):
        assert create({"name": name}, caller=ada).error == (409, "conflict")


@pytest.mark.parametrize("answer_only", [False, True], ids=["not-done", "answer-lost"])
def test_whatever_call_fails_repeating_or_reconciling_finishes(world: World, bob: Caller, *, answer_only: bool) -> None:
    world.faults.calls.clear()
    create({"name": "To count"}, caller=bob)
    calls = list(world.faults.calls)
    written = calls.index("TransactWriteItems") + 1
    assert written <= len(calls) - 7, "three calls of API Gateway, two or more of Cognito, two markers"
    numbers = world.faults.numbers(answer_only=answer_only)
    for number in sized(numbers, short=numbers[::4]):
        for reconciled in {False, number > written}:
            world.empty()
            founder = replace(NEWCOMER, user_id=world.account("ada@acme.example"))
            world.faults.calls.clear()
            world.faults.at, world.faults.answer_only = number, answer_only
            answer = create(caller=founder)
            world.faults.at = None
            assert answer.error == (503, "service_unavailable")
            assert ("recorded" in answer.json["message"]) == (number > written), calls[number - 1]
            tenants = [item["id"] for key, item in world.items().items() if key.endswith(" TENANT")]
            if reconciled and tenants:
                finish_tenant(tenants[0])
                (tenant_id,) = tenants
            else:
                repeated = create(caller=founder)
                assert repeated.status == 201
                tenant_id = repeated.json["id"]
            items = world.items()
            assert len(items) == 4
            assert not any("taskKey" in item for item in items.values())
            assert world.accounts()["ada@acme.example"] == (tenant_id, {"admin"})
            assert world.usage_keys() == {usage_key(tenant_id)}


def test_a_deployment_without_its_usage_plan_records_the_tenant(ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USAGE_PLAN_NAME", "another")
    assert create(caller=ada).error == (503, "service_unavailable")
    monkeypatch.setenv("USAGE_PLAN_NAME", PLAN)
    assert create(caller=ada).status == 201


def test_there_is_nothing_to_finish_for_others(world: World) -> None:
    world.tenant("acme", "Acme")
    world.tenant("globex", "Globex", "x", state=TenantState.DELETING, task_key="PENDING", task_since=MOMENT_TEXT)
    before = world.items()
    for tenant_id in ("acme", "globex", "nobodys"):
        finish_tenant(tenant_id)
    assert world.items() == before


def test_a_tenant_whose_founder_is_gone_is_finished_too(world: World) -> None:
    """Whatever became of the founder's row: the tenant must not stay pending for ever."""
    world.tenant("acme", "Acme", "gone", task_key="PENDING", task_since=MOMENT_TEXT)
    finish_tenant("acme")
    assert "taskKey" not in world.items()["TENANT#acme#TENANT TENANT"]


# --- usage plan -------------------------------------------------------------------------------------------------------


def test_an_allowance_is_made_once_and_removed_alone(world: World) -> None:
    plan = UsagePlan(world.apigateway, PLAN)
    for tenant_id in ("acme", "acme-2", "acme", "acme-2"):
        plan.ensure_key(tenant_id)
    assert len(world.apigateway.get_api_keys()["items"]) == 2
    assert world.usage_keys() == {usage_key("acme"), usage_key("acme-2")}
    for _ in range(2):
        plan.delete_key("acme")
        assert world.usage_keys() == {usage_key("acme-2")}


def test_an_allowance_that_lacks_its_plan_gets_it(world: World) -> None:
    value = usage_key("acme")
    world.apigateway.create_api_key(name=value, value=value, enabled=True)
    assert world.usage_keys() == set()
    UsagePlan(world.apigateway, PLAN).ensure_key("acme")
    assert world.usage_keys() == {value}


def test_a_usage_plan_that_is_not_there_is_said(world: World) -> None:
    with pytest.raises(UsagePlanNotFoundError):
        UsagePlan(world.apigateway, "another").ensure_key("acme")


@pytest.mark.parametrize("tenant_id", ["t", "t" * 64])
def test_keys_are_as_long_as_api_gateway_takes_them(tenant_id: str) -> None:
    assert 20 <= len(usage_key(tenant_id)) <= 128
