"""Table and Cognito brought together: what was cut off, and what was changed by hand."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from functions.users import deactivate_user, invite_user, reconcile_users, update_user
from tests.unit.conftest import Clock
from tests.unit.support import ADMIN, MOMENT, MOMENT_TEXT, Context, api_event, data_of, send
from tests.unit.users.conftest import PLAN, World
from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.audit.models import SYSTEM_ID
from ticketing.audit.repository import AuditRepository
from ticketing.aws import clients
from ticketing.dynamodb.transactions import VersionConflictError
from ticketing.users import reconciliation
from ticketing.users.reconciliation import UnreconciledError
from ticketing.users.states import Kind, TenantState
from ticketing.users.usage_plan import usage_key
from ticketing.users.user_pool import TENANT

VOID = int(MOMENT.timestamp()) + 1


@pytest.fixture(autouse=True)
def usage_plan(world: World) -> Iterator[None]:  # noqa: ARG001 - it is moto that has to run
    """Keep the usage plan of the tenants' keys."""
    plan = clients.apigateway().create_usage_plan(name=PLAN)
    yield
    clients.apigateway().delete_usage_plan(usagePlanId=plan["id"])
    get_backend("apigateway")[DEFAULT_ACCOUNT_ID]["us-east-1"].keys.clear()


def reconcile(*, everything: bool = False) -> dict[str, int]:
    event = {"everything": True} if everything else {}
    done: dict[str, int] = reconcile_users.handler(event, Context())
    return done


def patch(user_id: str, body: Any) -> int:
    return send(update_user.handler, api_event("PATCH", f"/v1/users/{user_id}", caller=ADMIN, body=body)).status


def invite(email: str = "ben@acme.example", role: str = "agent", caller: Caller = ADMIN) -> int:
    body = {"email": email, "role": role}
    return send(invite_user.handler, api_event("POST", "/v1/users", caller=caller, body=body)).status


# --- what is pending -------------------------------------------------------------------------------------------------


def test_a_change_that_cognito_did_not_hear_of_is_finished(world: World, time: Clock) -> None:
    ben, cleo = world.person("Ben"), world.person("Cleo")
    world.fails("AdminListGroupsForUser")
    assert patch(ben.id, {"role": "reporter"}) == 503
    event = api_event("DELETE", f"/v1/users/{cleo.id}", caller=ADMIN)
    assert send(deactivate_user.handler, event).status == 503
    world.works_again("AdminListGroupsForUser")

    time.forward(seconds=59)
    assert reconcile() == {}, "a request may be at it still"
    time.forward(seconds=1)
    assert reconcile() == {"pending": 2}
    assert world.groups(ben.id) == {"reporter"}
    assert world.void_before(ben.id) == VOID, "since the change, not since Cognito heard of it"
    assert not world.enabled(cleo.id)
    assert (world.now(ben).task_key, world.now(cleo).task_key) == (None, None)
    assert reconcile() == {}


def test_an_invitation_that_was_cut_off_is_finished(world: World, time: Clock) -> None:
    world.fails("AdminCreateUser")
    assert invite() == 503
    world.works_again("AdminCreateUser")
    time.forward(minutes=1)
    assert reconcile() == {"pending": 1}
    account = world.accounts.get_account("ben@acme.example")
    assert account is not None
    row = world.users.get(account.id)
    assert row is not None
    assert (row.role, row.name, row.is_invited, world.groups(row.id)) == (Role.AGENT, "ben", True, set())
    assert world.users.get_invitation("ben@acme.example") is None


def test_an_invitation_whose_address_joined_the_tenant_meanwhile_is_given_up(world: World, time: Clock) -> None:
    world.fails("AdminCreateUser")
    assert invite() == 503
    world.works_again("AdminCreateUser")
    world.account("ben@acme.example", "acme", Role.REPORTER)
    time.forward(minutes=1)
    assert reconcile() == {"pending": 1}
    assert world.users.get_invitation("ben@acme.example") is None


def test_the_pending_of_a_tenant_that_goes_is_left_to_its_erasure(world: World, time: Clock) -> None:
    ben = world.person("Ben")
    world.fails("AdminListGroupsForUser")
    world.fails("AdminCreateUser")
    assert (patch(ben.id, {"role": "reporter"}), invite("cleo@acme.example")) == (503, 503)
    world.works_again("AdminListGroupsForUser")
    world.works_again("AdminCreateUser")
    world.tenant(state=TenantState.DELETING)
    world.accounts.release_account(ben.id)
    time.forward(minutes=1)
    reconcile()
    assert (world.attribute(ben.id, TENANT) or "", world.groups(ben.id)) == ("", set())
    assert world.accounts.get_account("cleo@acme.example") is None


def test_tenants_being_founded_and_deleted_are_passed_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[tuple[str, str]] = []
    for step in ("finish_tenant", "resume_deletion"):
        monkeypatch.setattr(reconciliation, step, lambda tenant_id, step=step: passed.append((step, tenant_id)))
    world.tenant("globex", task_key="PENDING", task_since=MOMENT_TEXT)
    world.put({"PK": "TENANT#initech#DELETION", "SK": "DELETION", "taskKey": "PENDING", "taskSince": MOMENT_TEXT})
    assert reconcile() == {"pending": 2}
    assert sorted(passed) == [("finish_tenant", "globex"), ("resume_deletion", "initech")]


def test_one_that_fails_does_not_stop_the_others_and_is_not_hushed_up(world: World, time: Clock) -> None:
    people = [world.person(name) for name in ("Ada", "Ben", "Cleo")]
    world.fails("AdminListGroupsForUser")
    for person in people:
        assert patch(person.id, {"role": "reporter"}) == 503
    world.works_again("AdminListGroupsForUser")
    world.put({"PK": "TENANT#acme#USER#broken", "SK": "USER", "taskKey": "PENDING", "taskSince": "2026"})
    time.forward(minutes=1)
    with pytest.raises(UnreconciledError, match="1 of 4"):
        reconcile()
    assert [world.groups(person.id) for person in people] == [{"reporter"}] * 3


def test_two_runs_at_once(world: World, time: Clock) -> None:
    ben = world.person("Ben")
    world.fails("AdminListGroupsForUser")
    patch(ben.id, {"role": "reporter"})
    world.works_again("AdminListGroupsForUser")
    world.fails("AdminCreateUser")
    invite("cleo@acme.example", "admin")
    world.works_again("AdminCreateUser")
    time.forward(minutes=1)
    world.before("AdminRemoveUserFromGroup", reconcile)
    world.before("AdminCreateUser", reconcile)
    reconcile()
    account = world.accounts.get_account("cleo@acme.example")
    assert account is not None
    row = world.users.get(account.id)
    assert row is not None
    assert (world.groups(ben.id), row.role, row.is_invited) == ({"reporter"}, Role.ADMIN, True)
    assert reconcile() == {}


# --- locked out by hand ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.AGENT, None], ids=["in a group", "in none"])
def test_every_run_locks_out_whoever_was_disabled_in_cognito(world: World, role: Role | None) -> None:
    ben = world.row(world.account("ben@acme.example", "acme", role), "Ben")
    gone = world.person("Cleo", active=False)
    for user in (ben, gone):
        world.cognito.admin_disable_user(UserPoolId=world.pool_id, Username=user.id)
    before = int(clock.now().timestamp())
    assert reconcile() == {"disabled": 1}
    row = world.now(ben)
    assert (row.active, row.task_key) == (False, None)
    assert row.tokens_valid_from is not None
    assert row.tokens_valid_from > before
    assert reconcile() == {}


def test_whoever_was_disabled_long_ago_is_left_to_the_comparison(world: World, time: Clock) -> None:
    ben = world.person("Ben")
    world.cognito.admin_disable_user(UserPoolId=world.pool_id, Username=ben.id)
    time.set(datetime.now(UTC) + timedelta(hours=3))
    assert reconcile() == {}
    assert reconcile(everything=True) == {"tenant": 1, "user": 1}
    assert not world.now(ben).active


def test_a_tenant_that_goes_is_not_looked_at(world: World) -> None:
    ben = world.person("Ben")
    world.tenant(state=TenantState.DELETING)
    world.cognito.admin_disable_user(UserPoolId=world.pool_id, Username=ben.id)
    reconcile()
    assert world.now(ben).active


# --- everything ------------------------------------------------------------------------------------------------------


def test_what_is_together_is_left_alone(world: World) -> None:
    people = [world.person("Ada", Role.ADMIN), world.person("Ben"), world.person("Cleo", Role.REPORTER)]
    key = world.row(ADMIN.user_id, "Importer", Role.ADMIN, kind=Kind.API_KEY, email=None)
    assert reconcile(everything=True) == {"tenant": 1}
    assert [world.now(person) for person in [*people, key]] == [*people, key]
    assert not {"UpdateItem", "TransactWriteItems", "AdminUpdateUserAttributes"} & set(world.asked)


def test_a_tenant_has_its_allowance(world: World) -> None:
    world.person("Ada", Role.ADMIN)
    for _ in range(2):
        reconcile(everything=True)
        keys = clients.apigateway().get_api_keys(includeValues=True)["items"]
        assert [key["value"] for key in keys] == [usage_key("acme")]


def test_the_keys_are_counted_with_everything_else(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """An account may have 10,000 of them."""
    world.person("Ada", Role.ADMIN)
    reconcile()
    assert "TenantKeys" not in capsys.readouterr().out
    for expected in (0, 1):  # counted before the first run makes the key
        reconcile(everything=True)
        (line,) = (line for line in capsys.readouterr().out.splitlines() if '"TenantKeys"' in line)
        assert json.loads(line)["TenantKeys"] == [expected]


def test_an_allowance_that_is_there_costs_no_calls_for_each_tenant(world: World) -> None:
    """API Gateway makes five keys a second for an account, and takes ten calls: an hour's walk must not need them."""
    world.person("Ada", Role.ADMIN)
    asked: list[str] = []
    clients.apigateway().meta.events.register("before-call", lambda model, **_: asked.append(model.name))
    assert reconcile(everything=True) == {"tenant": 1}
    assert "CreateApiKey" in asked
    asked.clear()
    assert reconcile(everything=True) == {"tenant": 1}
    assert asked == ["GetUsagePlans", "GetUsagePlanKeys"]


def test_somebody_made_by_hand_gets_a_row(world: World) -> None:
    world.person("Ada", Role.ADMIN)
    zoe = world.account("zoe@acme.example", "acme", Role.ADMIN, name="Zoe Quinn")
    yan = world.account("yan.li@acme.example", "acme", Role.AGENT)
    nobody = world.account("none@acme.example", "acme", None)
    newcomer = world.account("new@acme.example", None, None)
    assert reconcile(everything=True) == {"tenant": 1, "user": 3}
    row = world.users.get(zoe)
    assert row is not None
    assert (row.name, row.email, row.role, row.active) == ("Zoe Quinn", "zoe@acme.example", Role.ADMIN, True)
    row = world.users.get(yan)
    assert row is not None
    assert (row.name, row.role) == ("yan.li", Role.AGENT)
    assert (world.users.get(nobody), world.users.get(newcomer)) == (None, None)
    assert world.admins() == 2


def test_an_invited_person_is_left_alone_while_they_can_accept(world: World) -> None:
    world.person("Ada", Role.ADMIN)
    world.before(
        "TransactWriteItems", lambda: reconcile(everything=True), passing=1
    )  # the account is there, the row not
    assert invite() == 201
    assert reconcile(everything=True) == {"tenant": 1}
    account = world.accounts.get_account("ben@acme.example")
    assert account is not None
    row = world.users.get(account.id)
    assert row is not None
    assert row.active


def test_an_expired_invitation_ends_and_frees_the_address(world: World, time: Clock) -> None:
    world.person("Ada", Role.ADMIN)
    invite()
    account = world.accounts.get_account("ben@acme.example")
    assert account is not None
    time.forward(days=7)
    assert reconcile(everything=True) == {"tenant": 1, "invitation": 1, "unused": 1}
    row = world.users.get(account.id)
    assert row is not None
    assert (row.active, row.is_invited) == (False, True)
    assert world.accounts.get_account("ben@acme.example") is None
    ended = AuditRepository(data_of(world.dynamodb, "acme")).list(limit=1, cursor=None).items[0]
    assert (ended.action, ended.target.id, ended.actor.id) == ("deactivateUser", account.id, SYSTEM_ID)


def test_a_withdrawn_invitation_frees_the_address_unless_others_invite_it(world: World, time: Clock) -> None:
    world.person("Ada", Role.ADMIN)
    world.tenant("globex")
    globex = replace(ADMIN, tenant_id="globex")
    assert (invite(), invite(caller=globex)) == (201, 201)
    account = world.accounts.get_account("ben@acme.example")
    assert account is not None

    def withdraw(caller: Caller) -> int:
        return send(deactivate_user.handler, api_event("DELETE", f"/v1/users/{account.id}", caller=caller)).status

    time.forward(hours=1)
    assert (withdraw(ADMIN), reconcile(everything=True)) == (204, {"tenant": 1}), "globex invites them still"
    assert invite() == 201
    assert (withdraw(ADMIN), withdraw(globex)) == (204, 204)
    assert reconcile(everything=True) == {"tenant": 1}, "the address was mailed in the last hour"
    time.forward(hours=1)
    assert reconcile(everything=True) == {"tenant": 1, "unused": 1}
    assert world.accounts.get_account(account.id) is None


def test_an_account_made_by_hand_for_a_founder_stays(world: World) -> None:
    world.person("Ada", Role.ADMIN)
    user = world.cognito.admin_create_user(UserPoolId=world.pool_id, Username="founder@initech.example")["User"]
    assert reconcile(everything=True) == {"tenant": 1}
    assert world.accounts.get_account(user["Username"]) is not None


def test_an_invited_account_put_into_the_tenant_by_hand_has_accepted(world: World) -> None:
    world.person("Ada", Role.ADMIN)
    invite(role="reporter")
    account = world.accounts.get_account("ben@acme.example")
    assert account is not None
    world.cognito.admin_update_user_attributes(
        UserPoolId=world.pool_id, Username=account.id, UserAttributes=[{"Name": TENANT, "Value": "acme"}]
    )
    world.cognito.admin_add_user_to_group(UserPoolId=world.pool_id, Username=account.id, GroupName="admin")
    assert reconcile(everything=True) == {"tenant": 1, "user": 1}
    row = world.users.get(account.id)
    assert row is not None
    assert (row.role, row.is_invited, world.admins()) == (Role.ADMIN, False, 2)


@pytest.mark.parametrize("role", [Role.REPORTER, Role.ADMIN])
def test_a_role_changed_by_hand_is_taken_over_and_voids_tokens(world: World, time: Clock, role: Role) -> None:
    world.person("Ada", Role.ADMIN)
    ben = world.person("Ben")
    world.cognito.admin_remove_user_from_group(UserPoolId=world.pool_id, Username=ben.id, GroupName="agent")
    world.cognito.admin_add_user_to_group(UserPoolId=world.pool_id, Username=ben.id, GroupName=role.value)
    time.set(MOMENT)
    assert reconcile(everything=True) == {"tenant": 1, "user": 1}
    row = world.now(ben)
    assert (row.role, row.version, row.task_key, row.tokens_valid_from) == (role, 2, None, VOID)
    assert (world.groups(ben.id), world.void_before(ben.id)) == ({role.value}, VOID)
    assert world.admins() == 1 + (role is Role.ADMIN)


def test_somebody_disabled_by_hand_is_inactive_even_the_last_admin(world: World) -> None:
    ada = world.person("Ada", Role.ADMIN)
    world.cognito.admin_disable_user(UserPoolId=world.pool_id, Username=ada.id)
    reconcile(everything=True)
    assert (world.now(ada).active, world.admins()) == (False, 0)
    world.cognito.admin_enable_user(UserPoolId=world.pool_id, Username=ada.id)
    reconcile(everything=True)
    assert (world.now(ada).active, world.admins()) == (True, 1)


@pytest.mark.parametrize(
    ("verified", "email", "version"), [("true", "benno@acme.example", 2), ("false", "ben@acme.example", 1)]
)
def test_an_address_is_taken_over_once_it_is_proved(world: World, verified: str, email: str, version: int) -> None:
    world.person("Ada", Role.ADMIN)
    account = world.account("Benno@acme.example", "acme", Role.AGENT, email_verified=verified)
    ben = world.row(account, "Ben")
    reconcile(everything=True)
    row = world.stored(ben.id)
    assert row is not None
    assert (row["email"], row["emailKey"], row["version"]) == (email, email, version)
    assert world.void_before(ben.id) == 1


def test_a_row_that_does_not_say_from_when_tokens_count_gets_the_time(world: World, time: Clock) -> None:
    """As rows of an earlier version. What was issued before, and refused for want of it, stays refused."""
    world.person("Ada", Role.ADMIN)
    ben, cleo = world.person("Ben", tokens_valid_from=None), world.person("Cleo", tokens_valid_from=None, active=False)
    key = world.row(ADMIN.user_id, "Importer", kind=Kind.API_KEY, email=None, tokens_valid_from=None)
    world.cognito.admin_disable_user(UserPoolId=world.pool_id, Username=cleo.id)
    time.set(MOMENT)
    assert reconcile(everything=True) == {"tenant": 1, "user": 2}
    assert [world.void_before(each.id) for each in (ben, cleo, key)] == [VOID - 1, VOID - 1, None]
    assert (world.now(ben).version, world.now(ben).task_key) == (2, None)
    assert reconcile(everything=True) == {"tenant": 1}


def test_what_is_pending_counts_as_it_is_in_the_table(world: World, time: Clock) -> None:
    world.person("Ada", Role.ADMIN)
    ben = world.person("Ben")
    world.fails("AdminListGroupsForUser")
    patch(ben.id, {"role": "reporter"})
    world.works_again("AdminListGroupsForUser")
    time.forward(seconds=1)
    reconcile(everything=True)
    assert world.now(ben).role is Role.REPORTER
    time.forward(minutes=1)
    reconcile(everything=True)
    assert world.groups(ben.id) == {"reporter"}


@pytest.mark.parametrize("moved", [True, False])
def test_somebody_whose_account_is_gone_or_elsewhere_is_inactive(world: World, *, moved: bool) -> None:
    world.person("Ada", Role.ADMIN)
    ben = world.person("Ben", Role.ADMIN)
    world.tenant(admins=2)
    world.tenant("globex")
    world.accounts.delete_account(ben.id)
    if moved:
        ben = world.row(world.account("ben@globex.example", "globex", Role.AGENT), "Ben", Role.ADMIN)
    reconcile(everything=True)
    assert (world.now(ben).active, world.now(ben).task_key) == (False, None)
    if moved:
        assert world.attribute(ben.id, TENANT) == "globex"
        assert world.enabled(ben.id)


def test_a_wrong_count_of_admins_is_corrected(world: World) -> None:
    world.person("Ada", Role.ADMIN)
    world.person("Ben", Role.ADMIN)
    world.person("Cleo", Role.ADMIN, active=True)
    world.tenant(admins=7)
    reconcile(everything=True)
    assert world.admins() == 3


def test_accounts_of_tenants_that_are_not_there(world: World) -> None:
    """A tenant that goes, one that is gone, and names that are none."""
    going = world.account("a@going.example", "going", Role.AGENT)
    world.tenant("going", state=TenantState.DELETING)
    gone = world.account("a@gone.example", "gone", Role.AGENT)
    receipt = {
        "tenantId": "gone",
        "tenantName": "Gone",
        "requestedById": "x",
        "state": "DONE",
        "startedAt": MOMENT_TEXT,
    }
    world.put({"PK": "TENANT#gone#DELETION", "SK": "DELETION"} | receipt)
    odd = [world.account(f"{n}@odd.example", name, Role.AGENT) for n, name in enumerate(["never-was", "a#b", "*"])]
    assert reconcile(everything=True) == {"tenant": 5}
    assert world.accounts.get_account(gone) is None
    assert all(world.accounts.get_account(user_id) for user_id in [going, *odd])


def test_an_account_that_was_released_meanwhile_stays(world: World) -> None:
    gone = world.account("a@gone.example", "gone", Role.AGENT)
    receipt = {
        "tenantId": "gone",
        "tenantName": "Gone",
        "requestedById": "x",
        "state": "DONE",
        "startedAt": MOMENT_TEXT,
    }
    world.put({"PK": "TENANT#gone#DELETION", "SK": "DELETION"} | receipt)
    world.before("AdminGetUser", lambda: world.accounts.release_account(gone))
    reconcile(everything=True)
    assert world.accounts.get_account(gone) is not None


def test_a_race_against_a_request_is_decided_anew(world: World) -> None:
    world.person("Ada", Role.ADMIN)
    ben = world.person("Ben")
    world.cognito.admin_disable_user(UserPoolId=world.pool_id, Username=ben.id)
    world.before("TransactWriteItems", lambda: patch(ben.id, {"role": "reporter"}))
    reconcile(everything=True)
    row = world.now(ben)
    assert (row.role, row.active, row.task_key) == (Role.REPORTER, True, None)
    assert (world.groups(ben.id), world.enabled(ben.id)) == ({"reporter"}, True)
    with pytest.raises(VersionConflictError):
        world.users.clear_pending(ben)


def test_a_request_that_was_cut_off_meanwhile_is_not_undone(world: World) -> None:
    world.person("Ada", Role.ADMIN)
    ben = world.person("Ben")
    world.cognito.admin_disable_user(UserPoolId=world.pool_id, Username=ben.id)

    def cut_off() -> None:
        world.fails("AdminGetUser")
        assert patch(ben.id, {"role": "reporter"}) == 503
        world.works_again("AdminGetUser")

    world.before("TransactWriteItems", cut_off)
    reconcile(everything=True)
    row = world.now(ben)
    assert (row.role, row.active, row.task_key) == (Role.REPORTER, True, "PENDING")
