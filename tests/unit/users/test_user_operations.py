"""The user operations, from API Gateway's event to its answer, on the table and the user pool of moto."""

from dataclasses import replace
from typing import Any

import pytest

from functions.users import (
    deactivate_user,
    get_me,
    get_user,
    list_users,
    update_me,
    update_user,
)
from tests.unit.conftest import Clock
from tests.unit.support import (
    ADMIN,
    AGENT,
    AGENT_ID,
    MOMENT,
    MOMENT_TEXT,
    NEWCOMER,
    OTHER_ID,
    REPORTER,
    REPORTER_ID,
    STRANGER,
    USERS_TABLE,
    Answer,
    api_event,
    data_of,
    send,
)
from tests.unit.users.conftest import World
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.mail.recipients import Recipients
from ticketing.users.states import Kind, MailOff, TenantState

ME = "/v1/users/me"
ALL_NOTICES = dict.fromkeys(("assigned", "commented", "mentioned", "resolved", "reopened", "mail"), True)
BEN = {
    "id": AGENT_ID,
    "kind": "PERSON",
    "email": "ben@acme.example",
    "name": "Ben",
    "role": "agent",
    "active": True,
    "invitedUntil": None,
    "locale": "en",
    "timeZone": "UTC",
    "version": 1,
    "createdAt": MOMENT_TEXT,
    "updatedAt": MOMENT_TEXT,
}


def me(caller: Caller) -> Answer:
    return send(get_me.handler, api_event("GET", ME, caller=caller))


def patch_me(body: Any, caller: Caller = AGENT, *, if_match: str | None = None) -> Answer:
    headers = {} if if_match is None else {"If-Match": if_match}
    return send(update_me.handler, api_event("PATCH", ME, caller=caller, body=body, headers=headers))


def read(user_id: str, caller: Caller = AGENT) -> Answer:
    return send(get_user.handler, api_event("GET", f"/v1/users/{user_id}", caller=caller))


def listed(query: str = "", caller: Caller = AGENT) -> Answer:
    return send(list_users.handler, api_event("GET", f"/v1/users{query}", caller=caller))


def patch(user_id: str, body: Any, caller: Caller = ADMIN, *, if_match: str | None = None) -> Answer:
    headers = {} if if_match is None else {"If-Match": if_match}
    event = api_event("PATCH", f"/v1/users/{user_id}", caller=caller, body=body, headers=headers)
    return send(update_user.handler, event)


def deactivate(user_id: str, caller: Caller = ADMIN) -> Answer:
    return send(deactivate_user.handler, api_event("DELETE", f"/v1/users/{user_id}", caller=caller))


# --- oneself ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("staff")
def test_everybody_reads_themselves() -> None:
    answer = me(AGENT)
    assert answer.status == 200
    assert answer.json == BEN | {"tenantId": "acme", "notifications": ALL_NOTICES, "mailOffReason": None}
    assert answer.headers["ETag"] == '"1"'
    assert me(REPORTER).json["name"] == "Cleo"


def test_an_api_key_reads_itself_and_shows_no_secret(staff: World) -> None:
    key = staff.row(OTHER_ID, "Importer", kind=Kind.API_KEY, email=None, tokens_valid_from=7)
    staff.put({"PK": f"TENANT#acme#USER#{key.id}", "SK": "USER", "keyHash": "deadbeef"} | key.model_dump(by_alias=True))
    answer = me(Caller(OTHER_ID, "acme", Role.AGENT, is_api_key=True))
    assert (answer.status, answer.json["kind"], answer.json["email"]) == (200, "API_KEY", None)
    assert set(answer.json) == {*BEN, "tenantId", "notifications", "mailOffReason"}


@pytest.mark.usefixtures("staff")
def test_somebody_without_a_row_or_a_tenant() -> None:
    assert me(STRANGER).error == (404, "user_not_found")
    assert me(NEWCOMER).error == (403, "forbidden")
    assert patch_me({"name": "x"}, NEWCOMER).error == (403, "forbidden")


@pytest.mark.usefixtures("staff")
def test_people_change_their_own_profile(time: Clock) -> None:
    time.forward(minutes=1)
    answer = patch_me(
        {"name": " Benno ", "locale": "pt-PT", "timeZone": "Europe/Lisbon", "notifications": {"commented": False}},
        if_match='"1"',
    )
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
    assert answer.json == BEN | {
        "name": "Benno",
        "locale": "pt-PT",
        "timeZone": "Europe/Lisbon",
        "notifications": ALL_NOTICES | {"commented": False},
        "mailOffReason": None,
        "tenantId": "acme",
        "version": 2,
        "updatedAt": "2026-02-02T08:16:04.120Z",
    }
    second = patch_me({"notifications": {"mentioned": False}})
    assert second.json["notifications"] == ALL_NOTICES | {"commented": False, "mentioned": False}
    assert me(AGENT).json == second.json


@pytest.mark.usefixtures("staff")
def test_people_switch_all_mail_off_and_on_again() -> None:
    off = patch_me({"notifications": {"mail": False}}).json
    assert (off["notifications"]["mail"], off["mailOffReason"]) == (False, "unsubscribed")
    assert patch_me({"notifications": {"mail": False}}).json == off
    on = patch_me({"notifications": {"mail": True}}).json
    assert (on["notifications"], on["mailOffReason"], on["version"]) == (ALL_NOTICES, None, 3)


@pytest.mark.parametrize("reason", MailOff)
def test_a_profile_says_why_there_is_no_mail(staff: World, reason: MailOff) -> None:
    recipients = Recipients(data_of(staff.dynamodb, "acme"))
    assert recipients.stop(AGENT_ID, reason)
    assert not recipients.stop(AGENT_ID, MailOff.UNSUBSCRIBED)  # the first reason stays
    shown = me(AGENT).json
    assert (shown["notifications"], shown["mailOffReason"]) == (ALL_NOTICES | {"mail": False}, reason)
    assert shown["version"] == 2
    assert patch_me({"name": "Benno"}).json["mailOffReason"] == reason
    assert patch_me({"notifications": {"mail": True}}).json["mailOffReason"] is None


def test_a_profile_that_stays_the_same_is_not_written(staff: World) -> None:
    staff.asked.clear()
    answer = patch_me({"name": "Ben", "notifications": {"assigned": True}})
    assert (answer.status, answer.json["version"]) == (200, 1)
    assert staff.asked == ["GetItem"]


def test_a_profile_that_changed_meanwhile(staff: World) -> None:
    assert patch_me({"name": "Benno"}, if_match='"2"').error == (412, "precondition_failed")
    staff.before("UpdateItem", lambda: patch_me({"locale": "de"}))
    answer = patch_me({"name": "Benno"})
    assert (answer.json["name"], answer.json["locale"], answer.json["version"]) == ("Benno", "de", 3)


def test_a_profile_that_a_transaction_is_at(staff: World) -> None:
    """DynamoDB refuses a single write while a transaction writes the same item; that is a lost race."""
    staff.fails("UpdateItem", "TransactionConflictException")
    assert patch_me({"name": "Benno"}).error == (409, "conflict")
    staff.works_again("UpdateItem")
    assert patch_me({"name": "Benno"}).status == 200


def test_an_api_key_has_no_profile_to_change(staff: World) -> None:
    staff.row(OTHER_ID, "Importer", kind=Kind.API_KEY, email=None)
    assert patch_me({"name": "x"}, Caller(OTHER_ID, "acme", Role.ADMIN, is_api_key=True)).error == (403, "forbidden")


def test_nobody_raises_themselves(staff: World) -> None:
    for body in ({"role": "admin"}, {"active": True}, {"email": "x@y.z"}, {"name": "B", "tenantId": "globex"}):
        assert patch_me(body).error == (400, "bad_request")
    assert staff.stored(AGENT_ID)["version"] == 1  # type: ignore[index]


# --- others ----------------------------------------------------------------------------------------------------------


def test_agents_and_admins_read_everybody(staff: World) -> None:
    staff.row(OTHER_ID, "Importer", kind=Kind.API_KEY, email=None)
    for caller in (AGENT, ADMIN):
        assert read(AGENT_ID.upper(), caller).json == BEN
        assert read(OTHER_ID, caller).json["kind"] == "API_KEY"
    assert read(AGENT_ID).headers["ETag"] == '"1"'


@pytest.mark.usefixtures("staff")
def test_reporters_read_themselves_alone() -> None:
    assert read(REPORTER_ID, REPORTER).json["name"] == "Cleo"
    assert read(AGENT_ID, REPORTER).error == (404, "user_not_found")


@pytest.mark.usefixtures("staff")
@pytest.mark.parametrize("user_id", ["x", "me", OTHER_ID, AGENT_ID[:-1], "TENANT"])
def test_who_is_not_there(user_id: str) -> None:
    assert read(user_id).error == (404, "user_not_found")
    assert patch(user_id, {"role": "agent"}).error == (404, "user_not_found")
    assert deactivate(user_id).error == (404, "user_not_found")


def test_another_tenants_people_are_not_there(staff: World) -> None:
    staff.tenant("globex")
    assert read(AGENT_ID, STRANGER).error == (404, "user_not_found")
    assert patch(AGENT_ID, {"active": False}, STRANGER).error == (404, "user_not_found")
    assert deactivate(AGENT_ID, STRANGER).error == (404, "user_not_found")
    assert listed(caller=STRANGER).json == []


@pytest.mark.usefixtures("staff")
def test_a_list_by_pages() -> None:
    first = listed("?limit=2")
    assert [user["name"] for user in first.json] == ["Ada", "Ben"]
    assert first.json[1] == BEN
    assert first.next is not None
    second = listed(first.next.removeprefix("/v1/users"))
    assert ([user["name"] for user in second.json], second.next) == (["Cleo"], None)
    assert [user["name"] for user in listed("?role=agent&active=true&name=B&email=BEN").json] == ["Ben"]
    assert listed("?active=false").json == []


@pytest.mark.usefixtures("staff")
@pytest.mark.parametrize("query", ["?active=1", "?role=owner", "?limit=0", "?cursor=x", "?kind=API_KEY", "?name="])
def test_a_list_that_nobody_can_give(query: str) -> None:
    assert listed(query).error == (400, "bad_request")


@pytest.mark.usefixtures("staff")
@pytest.mark.parametrize("caller", [REPORTER, AGENT, NEWCOMER])
def test_who_may_not(caller: Caller) -> None:
    """The role is looked at before all else."""
    assert patch("x", "no JSON", caller).error == (403, "forbidden")
    assert deactivate("x", caller).error == (403, "forbidden")
    if caller is not AGENT:
        assert listed("?unknown=1", caller).error == (403, "forbidden")


# --- role and activity -----------------------------------------------------------------------------------------------


def test_a_new_role_is_in_the_table_and_in_cognito(world: World, time: Clock) -> None:
    ben = world.person("Ben")
    time.forward(hours=1)
    answer = patch(ben.id, {"role": "admin"}, if_match='"1"')
    assert (answer.status, answer.headers["ETag"], answer.json["role"]) == (200, '"2"', "admin")
    assert world.groups(ben.id) == {"admin"}
    assert world.admins() == 2
    valid_from = int(MOMENT.timestamp()) + 3601
    assert world.void_before(ben.id) == valid_from
    row = world.stored(ben.id)
    assert row is not None
    assert (row["version"], row["updatedAt"], row["tokensValidFrom"]) == (2, "2026-02-02T09:15:04.120Z", valid_from)
    assert "taskKey" not in row
    assert "taskSince" not in row


def test_deactivating_and_letting_in_again(world: World) -> None:
    ben = world.person("Ben")
    answer = deactivate(ben.id)
    assert (answer.status, answer.text) == (204, "")
    assert not world.enabled(ben.id)
    assert world.groups(ben.id) == {"agent"}
    assert read(ben.id, ADMIN).json["active"] is False
    world.asked.clear()
    assert deactivate(ben.id).status == 204
    assert world.asked == ["GetItem", "GetItem"], "the caller's own row, and the user"
    assert patch(ben.id, {"active": True, "role": "reporter"}).json["active"] is True
    assert world.enabled(ben.id)
    assert world.groups(ben.id) == {"reporter"}


def test_what_is_the_same_already_is_not_written(world: World) -> None:
    ben = world.person("Ben")
    world.asked.clear()
    answer = patch(ben.id, {"role": "agent", "active": True})
    assert (answer.status, answer.json["version"]) == (200, 1)
    assert world.asked == ["GetItem", "GetItem"], "the caller's own row, and the user"


def test_if_match(world: World) -> None:
    ben = world.person("Ben")
    assert patch(ben.id, {"role": "admin"}, if_match='"2"').error == (412, "precondition_failed")
    assert world.now(ben) == ben


def test_the_last_admin_stays_one(world: World) -> None:
    ada = world.person("Ada", Role.ADMIN)
    caller = replace(ADMIN, user_id=ada.id)
    for answer in (
        patch(ada.id, {"role": "agent"}, caller),
        patch(ada.id, {"active": False}, caller),
        deactivate(ada.id, caller),
    ):
        assert answer.error == (409, "last_admin")
    assert world.now(ada) == ada
    assert world.enabled(ada.id)


def test_two_admins_who_demote_each_other(world: World) -> None:
    world.tenant(admins=2)
    ada, ben = world.person("Ada", Role.ADMIN), world.person("Ben", Role.ADMIN)
    world.before("TransactWriteItems", lambda: patch(ben.id, {"role": "agent"}))
    assert patch(ada.id, {"role": "agent"}).error == (409, "last_admin")
    assert (world.groups(ada.id), world.groups(ben.id), world.admins()) == ({"admin"}, {"agent"}, 1)


@pytest.mark.parametrize("now", [{"active": False}, {"role": Role.AGENT}])
def test_who_is_no_admin_any_more_does_not_use_the_minute_that_is_left(world: World, now: dict[str, Any]) -> None:
    """The authorizer's answer is remembered for a minute; it must not be made to last."""
    eve, ben = world.person("Eve", **({"role": Role.ADMIN} | now)), world.person("Ben")
    late = replace(ADMIN, user_id=eve.id)
    for user, body in ((eve, {"active": True, "role": "admin"}), (ben, {"role": "admin"}), (ben, {"active": False})):
        assert patch(user.id, body, late).error == (403, "forbidden")
    assert deactivate(ben.id, late).error == (403, "forbidden")
    assert (world.now(eve), world.now(ben)) == (eve, ben)


def test_a_key_that_was_revoked_does_not_use_the_minute_that_is_left(world: World) -> None:
    key, ben = world.row(OTHER_ID, "Importer", Role.ADMIN, kind=Kind.API_KEY, email=None), world.person("Ben")
    caller = Caller(key.id, "acme", Role.ADMIN, is_api_key=True)
    assert patch(ben.id, {"role": "reporter"}, caller).status == 200
    world.row(key.id, "Importer", Role.ADMIN, kind=Kind.API_KEY, email=None, active=False)
    assert patch(ben.id, {"role": "agent"}, caller).error == (403, "forbidden")


def test_api_keys_are_changed_as_what_they_are(world: World) -> None:
    key = world.row(OTHER_ID, "Importer", kind=Kind.API_KEY, email=None)
    assert patch(key.id, {"role": "admin"}).error == (404, "user_not_found")
    assert deactivate(key.id).error == (404, "user_not_found")
    assert world.now(key) == key


def test_nobody_is_changed_in_a_tenant_that_goes(world: World) -> None:
    ben = world.person("Ben")
    world.tenant(state=TenantState.DELETING)
    assert patch(ben.id, {"role": "admin"}).error == (404, "tenant_not_found")
    assert deactivate(ben.id).error == (404, "tenant_not_found")


@pytest.mark.parametrize("code", ["TooManyRequestsException", "LimitExceededException"])
@pytest.mark.parametrize(
    "operation",
    ["AdminGetUser", "AdminListGroupsForUser", "AdminAddUserToGroup", "AdminUpdateUserAttributes"],
)
def test_a_change_that_cognito_did_not_hear_of_is_recorded_and_repeated(
    world: World, operation: str, code: str
) -> None:
    ben = world.person("Ben")
    world.fails(operation, code)
    answer = patch(ben.id, {"role": "admin"})
    assert answer.error == (503, "service_unavailable")
    assert "recorded" in answer.json["message"]
    assert answer.headers["Retry-After"] == "1"
    row = world.now(ben)
    assert (row.role, row.version, row.task_key, row.task_since) == (Role.ADMIN, 2, "PENDING", row.updated_at)

    world.works_again(operation)
    answer = patch(ben.id, {"role": "admin"})
    assert (answer.status, answer.json["version"]) == (200, 2)
    assert world.groups(ben.id) == {"admin"}
    assert world.now(ben).task_key is None


def test_a_cut_off_deactivation_is_repeated(world: World) -> None:
    ben = world.person("Ben")
    world.fails("AdminDisableUser")
    assert deactivate(ben.id).error == (503, "service_unavailable")
    world.works_again("AdminDisableUser")
    assert deactivate(ben.id).status == 204
    assert not world.enabled(ben.id)


def test_a_bug_is_no_passing_trouble(world: World) -> None:
    ben = world.person("Ben")
    world.fails("AdminUpdateUserAttributes", "InvalidParameterException")
    assert patch(ben.id, {"role": "admin"}).error == (500, "internal_server_error")


def test_whoever_told_cognito_something_old_tells_it_anew(world: World) -> None:
    """Ben becomes an admin, and before Cognito is told that, is made a reporter by somebody who is faster."""
    ben = world.person("Ben")

    def overtake() -> None:
        assert patch(ben.id, {"role": "reporter"}).status == 200
        assert world.groups(ben.id) == {"reporter"}

    world.before("AdminListGroupsForUser", overtake)
    answer = patch(ben.id, {"role": "admin"})
    assert (answer.status, answer.json["role"], answer.json["version"]) == (200, "reporter", 3)
    assert world.groups(ben.id) == {"reporter"}
    row = world.now(ben)
    assert (row.role, row.task_key) == (Role.REPORTER, None)
    assert world.admins() == 1


def test_a_profile_edited_meanwhile_does_not_lose_the_marker(world: World) -> None:
    ben = world.person("Ben")
    world.before("AdminListGroupsForUser", lambda: patch_me({"name": "Benno"}, replace(AGENT, user_id=ben.id)))
    answer = patch(ben.id, {"role": "admin"})
    assert (answer.json["name"], answer.json["role"], answer.json["version"]) == ("Benno", "admin", 3)
    assert world.now(ben).task_key is None


def test_somebody_without_an_account_can_not_be_active(world: World) -> None:
    ben = world.person("Ben")
    world.accounts.delete_account(ben.id)
    answer = patch(ben.id, {"role": "admin"})
    assert (answer.status, answer.json["active"]) == (200, False)
    assert (world.now(ben).task_key, world.admins()) == (None, 1)


def test_an_account_released_by_an_erasure_is_not_taken_back(world: World) -> None:
    ben = world.person("Ben")

    def erase() -> None:
        world.accounts.release_account(ben.id)
        world.dynamodb.delete_item(
            TableName=USERS_TABLE, Key={"PK": {"S": f"TENANT#acme#USER#{ben.id}"}, "SK": {"S": "USER"}}
        )

    world.before("AdminUpdateUserAttributes", erase)
    assert patch(ben.id, {"role": "admin"}).status == 200
    account = world.accounts.get_account(ben.id)
    assert account is not None
    assert (account.tenant_id, world.groups(ben.id)) == ("", set())


@pytest.mark.usefixtures("staff")
@pytest.mark.parametrize("body", [{}, {"role": "owner"}, {"active": "no"}, {"name": "x"}, {"role": None}])
def test_what_is_no_change(body: Any) -> None:
    assert patch(AGENT_ID, body).error == (400, "bad_request")
