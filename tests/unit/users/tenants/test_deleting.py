"""Asking for a tenant's deletion, reading its receipt, and a start that nothing can lose."""

from dataclasses import replace
from datetime import timedelta
from itertools import repeat
from typing import Any
from urllib.parse import quote

import pytest

from functions.erasure import erase_tenant
from functions.users import (
    delete_tenant,
    get_tenant,
    get_tenant_deletion,
    update_tenant,
)
from tests.unit.conftest import Clock
from tests.unit.support import (
    ADMIN,
    AGENT,
    MOMENT,
    MOMENT_TEXT,
    NEWCOMER,
    STRANGER,
    Answer,
    Context,
    api_event,
    data_of,
    send,
)
from tests.unit.users.tenants.conftest import TICKETS, USERS, World
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.dynamodb.transactions import VersionConflictError
from ticketing.users.deletion import PATIENCE, resume_deletion
from ticketing.users.errors import TenantNotFoundError
from ticketing.users.models import User
from ticketing.users.repository import UserRepository
from ticketing.users.states import Kind
from ticketing.users.tenant_repository import TenantRepository

RECEIPT = "TENANT#acme#DELETION DELETION"
FIRST = {"name": f"acme-{int(MOMENT.timestamp())}", "input": {"tenantId": "acme"}}


pytestmark = pytest.mark.usefixtures("time")


@pytest.fixture(autouse=True)
def _acme(world: World) -> None:
    world.tenant("acme", "Acme Inc.", ADMIN.user_id, task_key="PENDING", task_since=MOMENT_TEXT)


def delete(name: str = "Acme Inc.", *, caller: Caller = ADMIN, **event: Any) -> Answer:
    return send(delete_tenant.handler, api_event("DELETE", f"/v1/tenant?name={quote(name)}", caller=caller, **event))


def receipt(tenant_id: str = "acme", *, caller: Caller = ADMIN) -> Answer:
    return send(get_tenant_deletion.handler, api_event("GET", f"/v1/tenant-deletions/{tenant_id}", caller=caller))


def fail_the_start(world: World) -> None:
    """Let the fourth call fail: after two reads and one transaction, it starts the execution."""
    world.faults.calls.clear()
    world.faults.at = 4


def test_a_deletion_is_recorded_and_started(world: World) -> None:
    days = {"tenantId": "acme", "days": 7, "taskKey": "AUTO_CLOSE", "taskSince": "acme"}
    world.put(USERS, {"PK": "TENANT#acme#AUTO_CLOSE", "SK": "AUTO_CLOSE"} | days)
    answer = delete()
    shown = {"tenantId": "acme", "tenantName": "Acme Inc.", "state": "RUNNING", "startedAt": MOMENT_TEXT}
    none = {"finishedAt": None, "tickets": 0, "events": 0, "users": 0, "apiKeys": 0}
    assert (answer.status, answer.json) == (202, shown | none)
    assert answer.headers["Location"] == "/v1/tenant-deletions/acme"
    items = world.items()
    assert items[RECEIPT] == shown | {name: 0 for name in none if name != "finishedAt"} | {
        "requestedById": ADMIN.user_id,
        "taskKey": "PENDING",
        "taskSince": MOMENT_TEXT,
    }
    tenant = items["TENANT#acme#TENANT TENANT"]
    assert (tenant["state"], tenant["version"]) == ("DELETING", 2)
    assert "taskKey" not in tenant, "what was pending of its founding is nothing to do any more"
    assert "TENANT#acme#AUTO_CLOSE AUTO_CLOSE" not in items
    assert world.items(TICKETS)["TENANT#acme#COUNTER TICKETS"] == {"lastNumber": 7, "creators": "NOBODY"}
    assert world.executions() == [FIRST]


def test_the_receipt_is_found_below_the_stage_too() -> None:
    answer = delete(domain="abc.execute-api.eu-west-1.amazonaws.com")
    assert answer.headers["Location"] == "/api/v1/tenant-deletions/acme"


def test_the_name_is_compared_as_people_do() -> None:
    assert delete("  acme   INC. ").status == 202


@pytest.mark.parametrize("name", ["Acme", "", "Acme Inc"])
def test_another_name_deletes_nothing(world: World, name: str) -> None:
    before = world.items()
    answer = delete(name)
    assert answer.error == (400, "bad_request")
    assert answer.details == ["name: must be the name of the tenant that is to be deleted"]
    assert world.items() == before


@pytest.mark.parametrize(("query", "detail"), [("", "name: is missing"), ("?name=Acme+Inc.&dryRun=1", "dryRun")])
def test_the_query_is_the_name_and_nothing_else(world: World, query: str, detail: str) -> None:
    answer = send(delete_tenant.handler, api_event("DELETE", f"/v1/tenant{query}", caller=ADMIN))
    assert answer.status == 400
    assert answer.details[0].startswith(detail)
    assert RECEIPT not in world.items()


@pytest.mark.parametrize("caller", [AGENT, NEWCOMER, replace(ADMIN, is_api_key=True)])
def test_only_admins_in_person_delete(world: World, caller: Caller) -> None:
    assert delete(caller=caller).error == (403, "forbidden")
    assert RECEIPT not in world.items()


def test_there_is_nothing_to_delete_for_whoever_has_no_tenant() -> None:
    assert delete(caller=STRANGER).error == (404, "tenant_not_found")


def test_asking_twice_gives_the_same_receipt_and_no_other_execution(world: World, time: Clock) -> None:
    first = delete()
    time.forward(seconds=20)
    second = delete(caller=replace(ADMIN, user_id="another-admin"))
    assert (second.status, second.json) == (202, first.json)
    assert world.executions() == [FIRST]


def test_a_lost_race_is_decided_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between reading and writing, the tenant gets another name: it is not the one that was to be deleted."""
    begin = TenantRepository.begin_deletion

    def late(self: TenantRepository, *given: Any, **alongside: Any) -> None:
        monkeypatch.setattr(TenantRepository, "begin_deletion", begin)
        body = {"name": "Acme Ltd."}
        assert send(update_tenant.handler, api_event("PATCH", "/v1/tenant", caller=ADMIN, body=body)).status == 200
        begin(self, *given, **alongside)

    monkeypatch.setattr(TenantRepository, "begin_deletion", late)
    assert delete().error == (400, "bad_request")
    assert RECEIPT not in world.items()


def test_a_start_that_fails_is_made_up_for(world: World, time: Clock) -> None:
    fail_the_start(world)
    answer = delete()
    world.faults.at = None
    assert answer.error == (503, "service_unavailable")
    assert "recorded" in answer.json["message"]
    assert answer.headers["Retry-After"] == "1"
    assert world.executions() == []
    time.forward(minutes=5)
    resume_deletion("acme")
    assert world.executions() == [FIRST]


def test_a_start_that_fails_is_made_up_for_by_asking_again(world: World) -> None:
    fail_the_start(world)
    assert delete().status == 503
    world.faults.at = None
    assert delete().status == 202
    assert world.executions() == [FIRST]


def test_nothing_is_done_while_the_deletion_moves(world: World, time: Clock) -> None:
    delete()
    progress(world, seconds=40)
    time.forward(minutes=10)
    resume_deletion("acme")
    assert world.executions() == [FIRST]


def test_a_deletion_that_stands_still_is_started_again(world: World, time: Clock) -> None:
    delete()
    progress(world, seconds=40)
    time.forward(seconds=40 + PATIENCE.total_seconds())
    resume_deletion("acme")
    resume_deletion("acme")
    again = FIRST | {"name": f"acme-{int((MOMENT + timedelta(seconds=40)).timestamp())}"}
    assert world.executions() == [FIRST, again]


def test_an_execution_that_ended_early_is_followed_by_another(world: World, time: Clock) -> None:
    """It got nowhere, so the next is named after the time when it is started: AWS keeps names for 90 days."""
    delete()
    (arn,) = [
        one["executionArn"]
        for one in world.stepfunctions.list_executions(stateMachineArn=world.state_machine)["executions"]
    ]
    world.stepfunctions.stop_execution(executionArn=arn)
    time.forward(minutes=5)
    resume_deletion("acme")
    assert world.executions() == [FIRST], "it may only be late"
    time.forward(minutes=10)
    resume_deletion("acme")
    now = MOMENT + timedelta(minutes=15)
    assert world.executions() == [FIRST, FIRST | {"name": f"acme-{int(now.timestamp())}"}]
    assert world.items()[RECEIPT]["taskSince"] == "2026-02-02T08:30:04.120Z"


def test_what_is_over_or_was_never_asked_for_is_not_started(world: World) -> None:
    resume_deletion("acme")
    delete()
    done = world.items()[RECEIPT] | {"state": "DONE", "taskKey": None, "taskSince": None}
    world.put(USERS, {"PK": "TENANT#acme#DELETION", "SK": "DELETION"} | done)
    resume_deletion("acme")
    assert world.executions() == [FIRST]


def test_the_longest_id_makes_a_name_that_step_functions_takes(world: World) -> None:
    tenant_id = "t" * 64
    world.tenant(tenant_id, "Long")
    assert delete("Long", caller=replace(ADMIN, tenant_id=tenant_id)).status == 202
    assert [len(one["name"]) <= 80 for one in world.executions()] == [True]


def test_a_touch_that_comes_late_changes_nothing(world: World) -> None:
    delete()
    tenants = world.tenants("acme")
    seen = tenants.deletion()
    assert seen is not None
    progress(world, seconds=1)
    with pytest.raises(VersionConflictError):
        tenants.touch_deletion(seen, "2026-02-02T09:00:00.000Z")


def progress(world: World, *, seconds: int) -> None:
    """Let the erasure have made progress."""
    since = (MOMENT + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    key = {"PK": "TENANT#acme#DELETION", "SK": "DELETION"}
    world.put(USERS, key | world.items()[RECEIPT] | {"taskSince": since})


# --- while it is being deleted ---------------------------------------------------------------------------------------


def test_a_tenant_that_is_being_deleted_is_not_there_any_more() -> None:
    delete()
    assert send(get_tenant.handler, api_event("GET", "/v1/tenant", caller=ADMIN)).error == (404, "tenant_not_found")
    body = {"settings": {"defaultPriority": "HIGH"}}
    changed = send(update_tenant.handler, api_event("PATCH", "/v1/tenant", caller=ADMIN, body=body))
    assert changed.error == (404, "tenant_not_found")


def test_nobody_joins_a_tenant_that_is_being_deleted(world: World) -> None:
    delete()
    values = {"id": "late", "tenantId": "acme", "kind": Kind.PERSON, "name": "Late", "role": Role.ADMIN, "active": True}
    late = User.model_validate(values | {"version": 1, "createdAt": MOMENT_TEXT, "updatedAt": MOMENT_TEXT})
    with pytest.raises(TenantNotFoundError):
        UserRepository(data_of(world.dynamodb, "acme")).create(late)


# --- the receipt -----------------------------------------------------------------------------------------------------


def test_who_asked_reads_the_receipt_as_an_admin_and_later_as_nobodys() -> None:
    made = delete().json
    released = replace(NEWCOMER, user_id=ADMIN.user_id)
    for caller in (ADMIN, released, replace(STRANGER, user_id=ADMIN.user_id)):
        answer = receipt(caller=caller)
        assert (answer.status, answer.json) == (200, made)


@pytest.mark.parametrize("caller", [AGENT, NEWCOMER, replace(ADMIN, user_id="another-admin")])
def test_the_receipt_is_not_there_for_others(caller: Caller) -> None:
    delete()
    assert receipt(caller=caller).error == (404, "deletion_not_found")


@pytest.mark.parametrize("tenant_id", ["globex", "acme-2", "acme%23TENANT", "a" * 65])
def test_what_was_not_deleted_has_no_receipt(tenant_id: str) -> None:
    assert receipt(tenant_id).error == (404, "deletion_not_found")


# --- the worker ------------------------------------------------------------------------------------------------------


def test_the_worker_says_what_it_erased_and_whether_that_was_all(world: World) -> None:
    delete()
    world.ticket("acme", 1)
    event = {"tenantId": "acme", "step": "tickets"}
    assert erase_tenant.handler(event, Context(left=repeat(29_000))) == {"done": False}
    assert erase_tenant.handler(event, Context(left=repeat(31_000))) == {"done": True, "tickets": 1, "events": 2}
