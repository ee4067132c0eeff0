"""Accepting invitations: who proved an address chooses, one tenant."""

from dataclasses import replace
from typing import Any

import pytest

from functions.users import accept_invitation, create_tenant, deactivate_user, invite_user, list_invitations, update_me
from tests.unit.conftest import Clock
from tests.unit.support import ADMIN, AGENT, Answer, api_event, data_of, send
from tests.unit.users.conftest import World
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.users.remains import UserRemains
from ticketing.users.repository import UserRepository
from ticketing.users.states import TenantState
from ticketing.users.user_pool import TENANT

ADDRESS = "ben@acme.example"
GLOBEX = replace(ADMIN, tenant_id="globex")


def invite(role: str = "agent", caller: Caller = ADMIN, email: str = ADDRESS) -> str:
    body = {"email": email, "role": role, "name": "Ben Okafor"}
    return str(send(invite_user.handler, api_event("POST", "/v1/users", caller=caller, body=body)).json["id"])


def signed_in(world: World, user_id: str) -> Caller:
    world.cognito.admin_set_user_password(
        UserPoolId=world.pool_id, Username=user_id, Password="Demo-password-1", Permanent=True
    )
    return Caller(user_id, "", Role.NEWCOMER)


def listed(caller: Caller) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = send(
        list_invitations.handler, api_event("GET", "/v1/users/me/invitations", caller=caller)
    ).json
    return shown


def accept(caller: Caller, tenant_id: str = "acme") -> Answer:
    path = f"/v1/users/me/invitations/{tenant_id}/accept"
    return send(accept_invitation.handler, api_event("POST", path, caller=caller, pathParameters={"id": tenant_id}))


def test_an_accepted_invitation_makes_a_user_of_the_tenant(world: World) -> None:
    ben = signed_in(world, invite("admin"))
    (invitation,) = listed(ben)
    row = world.users.get(ben.user_id)
    assert row is not None
    assert invitation == {"id": "acme", "tenantName": "acme", "role": "admin", "expiresAt": row.invited_until}
    answer = accept(ben)
    assert (answer.status, answer.json["role"], answer.json["tenantId"]) == (200, "admin", "acme")
    assert answer.headers["ETag"] == '"2"'
    assert (world.attribute(ben.user_id, TENANT), world.groups(ben.user_id)) == ("acme", {"admin"})
    stored = world.stored(ben.user_id)
    assert stored is not None
    assert not {"invitedUntil", "taskKey", "taskSince"} & stored.keys()
    assert world.admins() == 2
    assert listed(ben) == []
    again = accept(ben)
    assert (again.status, again.json, world.admins()) == (200, answer.json, 2)


def test_the_owner_of_the_address_chooses_one(world: World) -> None:
    world.tenant("globex")
    ben = signed_in(world, invite())
    assert invite("reporter", GLOBEX) == ben.user_id
    assert {each["id"] for each in listed(ben)} == {"acme", "globex"}
    assert accept(ben, "globex").json["role"] == "reporter"
    assert accept(ben).error == (409, "conflict")
    assert (world.attribute(ben.user_id, TENANT), world.groups(ben.user_id)) == ("globex", {"reporter"})


@pytest.mark.parametrize("moment", ["TransactWriteItems", "AdminUpdateUserAttributes"])
def test_of_two_accepted_at_once_one_counts(world: World, moment: str) -> None:
    """The second begins before the row of the first is written, or before Cognito has heard of it."""
    world.tenant("globex")
    ben = signed_in(world, invite())
    invite("reporter", GLOBEX)
    others: list[Answer] = []
    world.before(moment, lambda: others.append(accept(ben, "globex")))
    answers = {"acme": accept(ben), "globex": others[0]}
    (joined,) = (tenant for tenant, answer in answers.items() if answer.status == 200)
    (left,) = answers.keys() - {joined}
    assert answers[left].error == (409, "conflict")
    rows = {tenant: UserRepository(data_of(world.dynamodb, tenant)).get(ben.user_id) for tenant in (joined, left)}
    assert [row and (row.active, row.is_invited) for row in rows.values()] == [(True, False), (True, True)]
    assert world.attribute(ben.user_id, TENANT) == joined


def test_who_was_let_go_by_a_tenant_that_was_deleted_can_join_another_at_once(world: World) -> None:
    world.tenant("globex")
    ben = signed_in(world, invite())
    invite("reporter", GLOBEX)
    assert accept(ben).status == 200
    UserRemains(data_of(world.dynamodb, "acme")).erase_user(ben.user_id)
    world.accounts.release_account(ben.user_id)
    assert accept(ben, "globex").status == 200


def test_who_founds_a_tenant_while_they_accept_has_one_of_them(world: World) -> None:
    ben = signed_in(world, invite())
    founding = api_event("POST", "/v1/tenant", caller=ben, body={"name": "Initech"})
    founded: list[Answer] = []
    world.before("AdminUpdateUserAttributes", lambda: founded.append(send(create_tenant.handler, founding)))
    assert accept(ben).status == 200
    assert founded[0].error == (409, "conflict")
    assert world.attribute(ben.user_id, TENANT) == "acme"


def test_what_ended_can_not_be_accepted(world: World, time: Clock) -> None:
    ben = signed_in(world, invite())
    time.forward(days=7)
    assert (listed(ben), accept(ben).error) == ([], (404, "invitation_not_found"))
    assert invite() == ben.user_id
    assert len(listed(ben)) == 1
    send(deactivate_user.handler, api_event("DELETE", f"/v1/users/{ben.user_id}", caller=ADMIN))
    assert (listed(ben), accept(ben).error) == ([], (404, "invitation_not_found"))


@pytest.mark.parametrize("tenant_id", ["globex", "initech", "a#b", "*"])
def test_who_is_not_invited(world: World, tenant_id: str) -> None:
    world.tenant("globex")
    ben = signed_in(world, invite())
    assert accept(ben, tenant_id).error == (404, "invitation_not_found")
    assert world.attribute(ben.user_id, TENANT) is None


def test_a_tenant_that_is_being_deleted_invites_nobody(world: World) -> None:
    ben = signed_in(world, invite())
    world.tenant(state=TenantState.DELETING)
    assert (listed(ben), accept(ben).error) == ([], (404, "invitation_not_found"))


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("email_verified", "false", (403, "forbidden")),
        ("email", "other@acme.example", (404, "invitation_not_found")),
        (TENANT, "globex", (409, "conflict")),
    ],
)
def test_the_account_must_own_the_address_and_belong_nowhere(
    world: World, name: str, value: str, error: tuple[int, str]
) -> None:
    ben = signed_in(world, invite())
    world.cognito.admin_update_user_attributes(
        UserPoolId=world.pool_id, Username=ben.user_id, UserAttributes=[{"Name": name, "Value": value}]
    )
    assert accept(ben).error == error
    row = world.users.get(ben.user_id)
    assert row is not None
    assert row.is_invited


def test_a_disabled_account_accepts_nothing_and_stays_disabled(world: World) -> None:
    ben = signed_in(world, invite())
    world.cognito.admin_disable_user(UserPoolId=world.pool_id, Username=ben.user_id)
    assert accept(ben).error == (401, "unauthorized")
    assert not world.enabled(ben.user_id)


def test_an_acceptance_that_was_cut_off_is_continued(world: World) -> None:
    ben = signed_in(world, invite())
    world.fails("AdminAddUserToGroup")
    assert accept(ben).error == (503, "service_unavailable")
    world.works_again("AdminAddUserToGroup")
    assert accept(ben).status == 200
    assert (world.attribute(ben.user_id, TENANT), world.groups(ben.user_id)) == ("acme", {"agent"})


def test_who_belongs_to_a_tenant_has_no_invitations(world: World) -> None:
    assert accept(AGENT).error == (403, "forbidden")
    event = api_event("GET", "/v1/users/me/invitations", caller=AGENT)
    assert send(list_invitations.handler, event).error == (403, "forbidden")
    assert world.asked == []


def test_before_they_accept_a_token_of_the_tenant_is_nobodys(world: World) -> None:
    """The row is there, but the account is not the tenant's: no token names both."""
    ben = signed_in(world, invite())
    event = api_event("PATCH", "/v1/users/me", caller=ben, body={"name": "B"})
    assert send(update_me.handler, event).error == (403, "forbidden")
