"""Invitations: the first, the repeated, the cut off, and those to addresses that somebody has already."""

from typing import Any

import pytest

from functions.users import invite_user
from tests.unit.support import ADMIN, AGENT, MOMENT_TEXT, REPORTER, Answer, api_event, send
from tests.unit.users.conftest import World
from ticketing.access.roles import Role
from ticketing.users.tenant_models import TenantState
from ticketing.users.user_pool import NEVER_SIGNED_IN, TENANT

BEN: dict[str, Any] = {"email": "Ben@Acme.example", "role": "agent", "name": "Ben Okafor"}
ADDRESS = "ben@acme.example"


def invite(body: Any = BEN) -> Answer:
    return send(invite_user.handler, api_event("POST", "/v1/users", caller=ADMIN, body=body))


def invited_id(world: World) -> str:
    account = world.accounts.get_account(ADDRESS)
    assert account is not None
    return account.id


def mails(world: World) -> list[str | None]:
    """Return what Cognito was asked to mail from now on: None for a first invitation, RESEND for another."""
    found: list[str | None] = []
    world.cognito.meta.events.register(
        "provide-client-params.cognito-idp.AdminCreateUser",
        lambda params, **_: found.append(params.get("MessageAction")),
    )
    return found


@pytest.mark.usefixtures("time")
def test_an_invited_person_is_a_user(world: World) -> None:
    answer = invite()
    user_id = invited_id(world)
    assert (answer.status, answer.headers["Location"]) == (201, f"/v1/users/{user_id}")
    assert answer.headers["ETag"] == '"1"'
    assert answer.json == {
        "id": user_id,
        "kind": "PERSON",
        "email": ADDRESS,
        "name": "Ben Okafor",
        "role": "agent",
        "active": True,
        "locale": "en",
        "timeZone": "UTC",
        "version": 1,
        "createdAt": MOMENT_TEXT,
        "updatedAt": MOMENT_TEXT,
    }
    account = world.accounts.get_account(user_id)
    assert account is not None
    assert (account.tenant_id, account.status, world.groups(user_id)) == ("acme", NEVER_SIGNED_IN, {"agent"})
    assert world.users.get_invitation(ADDRESS) is None
    assert world.admins() == 1


def test_an_invited_admin_is_counted_and_named_by_the_address(world: World) -> None:
    answer = invite({"email": ADDRESS, "role": "admin"})
    assert (answer.json["name"], world.admins()) == ("ben", 2)


def test_the_invitation_is_written_before_cognito_hears_of_it(world: World) -> None:
    found = []
    world.before("AdminCreateUser", lambda: found.append(world.users.get_invitation(ADDRESS)))
    invite()
    (invitation,) = found
    assert invitation is not None
    assert (invitation.role, invitation.name, invitation.invited_by_id) == (Role.AGENT, "Ben Okafor", ADMIN.user_id)
    assert invitation.task_key == "PENDING"


def test_who_never_signed_in_is_mailed_again_and_stays_as_they_are(world: World) -> None:
    made = invite().json
    sent = mails(world)
    answer = invite({"email": ADDRESS, "role": "admin", "name": "Other"})
    assert (answer.status, answer.json) == (200, made)
    assert "Location" not in answer.headers
    assert sent == [None, "RESEND"]
    assert world.users.get_invitation(ADDRESS) is None
    assert world.admins() == 1


def test_who_was_deactivated_before_signing_in_is_not_mailed(world: World) -> None:
    user = world.users.get(invite().json["id"])
    assert user is not None
    world.row(user.id, "Ben", active=False)
    sent = mails(world)
    assert invite().error == (409, "user_exists")
    assert sent == [None]


@pytest.mark.parametrize("tenant_id", ["acme", "globex", None])
def test_somebody_who_uses_the_address(world: World, tenant_id: str | None) -> None:
    """A member, somebody of another tenant, and somebody who signed up and founds one maybe."""
    user_id = world.account(ADDRESS, tenant_id, Role.REPORTER if tenant_id else None)
    if tenant_id == "acme":
        world.row(user_id, "Ben", Role.REPORTER)
    before = world.stored(user_id)
    assert invite().error == (409, "user_exists")
    assert world.users.get_invitation(ADDRESS) is None
    assert world.stored(user_id) == before
    assert world.attribute(user_id, TENANT) == tenant_id
    assert world.groups(user_id) == ({"reporter"} if tenant_id else set())


def squatter(world: World) -> str:
    """Sign up with the address, and prove nothing."""
    client = world.cognito.create_user_pool_client(UserPoolId=world.pool_id, ClientName="sign-up")["UserPoolClient"]
    signed_up = world.cognito.sign_up(ClientId=client["ClientId"], Username=ADDRESS, Password="Demo-password-1")
    return signed_up["UserSub"]


def test_an_address_that_nobody_proved_to_be_theirs_is_free(world: World) -> None:
    squatted = squatter(world)
    answer = invite()
    assert answer.status == 201
    assert answer.json["id"] != squatted
    assert world.accounts.get_account(squatted) is None
    assert world.attribute(answer.json["id"], TENANT) == "acme"


def test_an_unproved_account_of_another_tenant_is_theirs(world: World) -> None:
    squatted = squatter(world)
    world.cognito.admin_update_user_attributes(
        UserPoolId=world.pool_id, Username=squatted, UserAttributes=[{"Name": TENANT, "Value": "globex"}]
    )
    assert invite().error == (409, "user_exists")
    assert world.attribute(squatted, TENANT) == "globex"


@pytest.mark.parametrize(
    ("allowed", "status"),
    [([], 201), (["acme.example"], 201), (["globex.example", "acme.example"], 201), (["me.example"], 422)],
)
def test_the_domains_that_the_tenant_allows(world: World, allowed: list[str], status: int) -> None:
    world.tenant(allowed_email_domains=allowed)
    answer = invite()
    assert answer.status == status
    if status == 422:
        assert answer.error == (422, "email_domain_not_allowed")
        assert answer.details == ["email: allowed are addresses of me.example"]
        assert world.accounts.get_account(ADDRESS) is None


def test_nobody_is_invited_into_a_tenant_that_goes(world: World) -> None:
    world.tenant(state=TenantState.DELETING)
    assert invite().error == (404, "tenant_not_found")
    assert world.accounts.get_account(ADDRESS) is None


def test_a_tenant_that_begins_to_go_meanwhile(world: World) -> None:
    world.before("AdminCreateUser", lambda: world.tenant(state=TenantState.DELETING))
    assert invite().error == (404, "tenant_not_found")
    assert world.stored(invited_id(world)) is None
    assert world.users.get_invitation(ADDRESS) is not None, "the erasure finds it by its marker, and the account by it"


@pytest.mark.parametrize(
    "operation", ["AdminCreateUser", "AdminGetUser", "AdminAddUserToGroup", "AdminUpdateUserAttributes"]
)
def test_an_invitation_that_was_cut_off_is_continued(world: World, operation: str) -> None:
    world.fails(operation)
    answer = invite()
    assert answer.error == (503, "service_unavailable")
    assert "recorded" in answer.json["message"]
    assert world.users.get_invitation(ADDRESS) is not None
    world.works_again(operation)
    answer = invite()
    assert (answer.status, answer.json["role"]) == (201, "agent")
    assert world.groups(answer.json["id"]) == {"agent"}
    assert world.users.get_invitation(ADDRESS) is None


def test_two_who_invite_the_same_at_once_invite_one(world: World) -> None:
    other: list[Answer] = []
    world.before("AdminAddUserToGroup", lambda: other.append(invite({"email": ADDRESS, "role": "reporter"})))
    answer = invite()
    assert other[0].status == 201
    assert answer.json["id"] == other[0].json["id"]
    row = world.users.get(answer.json["id"])
    assert row is not None
    assert world.groups(row.id) == {row.role.value}
    assert world.users.get_invitation(ADDRESS) is None


def test_an_address_that_cognito_refuses(world: World) -> None:
    world.fails("AdminCreateUser", "InvalidParameterException")
    answer = invite()
    assert answer.error == (400, "bad_request")
    assert world.users.get_invitation(ADDRESS) is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": ADDRESS},
        {"role": "agent"},
        BEN | {"role": "owner"},
        BEN | {"email": "ben"},
        BEN | {"name": " "},
        BEN | {"name": None},
        BEN | {"active": True},
        BEN | {"tenantId": "globex"},
    ],
)
def test_what_is_no_invitation(world: World, body: Any) -> None:
    assert invite(body).error == (400, "bad_request")
    assert world.asked == ["GetItem"], "the caller's own row"


@pytest.mark.parametrize("caller", [AGENT, REPORTER])
def test_only_admins_invite(world: World, caller: Any) -> None:
    answer = send(invite_user.handler, api_event("POST", "/v1/users", caller=caller, body="no JSON"))
    assert answer.error == (403, "forbidden")
    assert world.asked == []


@pytest.mark.parametrize("now", [{"active": False}, {"role": Role.AGENT}])
def test_who_is_no_admin_any_more_leaves_nobody_behind(world: World, now: dict[str, Any]) -> None:
    """The authorizer's answer is remembered for a minute."""
    world.row(ADMIN.user_id, "Ada", **({"role": Role.ADMIN} | now))
    assert invite().error == (403, "forbidden")
    assert world.accounts.get_account(ADDRESS) is None
    assert world.users.get_invitation(ADDRESS) is None
