"""Invitations: the first, the repeated, the cut off, and those to addresses that somebody has already."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.users import deactivate_user, invite_user, update_user
from tests.unit.conftest import Clock
from tests.unit.support import ADMIN, AGENT, MOMENT, MOMENT_TEXT, REPORTER, Answer, api_event, data_of, send
from tests.unit.users.conftest import World
from ticketing import clock, ids
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.users.invitation_mails import invitation_mails
from ticketing.users.invitations import VALID
from ticketing.users.operations import next_second
from ticketing.users.repository import UserRepository
from ticketing.users.states import TenantState
from ticketing.users.user_pool import NEVER_SIGNED_IN, TENANT

BEN: dict[str, Any] = {"email": "Ben@Acme.example", "role": "agent", "name": "Ben Okafor"}
ADDRESS = "ben@acme.example"


def invite(body: Any = BEN, caller: Caller = ADMIN) -> Answer:
    return send(invite_user.handler, api_event("POST", "/v1/users", caller=caller, body=body))


def withdraw(user_id: str) -> int:
    return send(deactivate_user.handler, api_event("DELETE", f"/v1/users/{user_id}", caller=ADMIN)).status


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
        "invitedUntil": clock.timestamp(MOMENT + VALID),
        "locale": "en",
        "timeZone": "UTC",
        "version": 1,
        "createdAt": MOMENT_TEXT,
        "updatedAt": MOMENT_TEXT,
    }
    account = world.accounts.get_account(user_id)
    assert account is not None
    assert (account.tenant_id, account.status, world.groups(user_id)) == ("", NEVER_SIGNED_IN, set())
    assert world.users.get_invitation(ADDRESS) is None
    assert world.admins() == 1


def test_an_invited_admin_does_not_count_and_is_named_by_the_address(world: World) -> None:
    answer = invite({"email": ADDRESS, "role": "admin"})
    assert (answer.json["name"], world.admins()) == ("ben", 1)


def test_the_invitation_is_written_before_cognito_hears_of_it(world: World) -> None:
    found = []
    world.before("AdminCreateUser", lambda: found.append(world.users.get_invitation(ADDRESS)))
    invite()
    (invitation,) = found
    assert invitation is not None
    assert (invitation.role, invitation.name, invitation.invited_by_id) == (Role.AGENT, "Ben Okafor", ADMIN.user_id)
    assert invitation.task_key == "PENDING"


def test_an_invitation_repeated_counts_as_it_is_now(world: World, time: Clock) -> None:
    made = invite().json
    sent = mails(world)
    time.forward(hours=1)
    answer = invite({"email": ADDRESS, "role": "admin", "name": "Other"})
    until = clock.timestamp(time.now + VALID)
    same = made | {"role": "admin", "name": "Other", "version": 2, "updatedAt": clock.timestamp(time.now)}
    assert (answer.status, answer.json) == (200, same | {"invitedUntil": until})
    assert "Location" not in answer.headers
    assert sent == [None, "RESEND"]
    assert world.users.get_invitation(ADDRESS) is None
    assert invite({"email": ADDRESS, "role": "agent"}).json["name"] == "Other"
    assert sent == [None, "RESEND", None], "one email an hour"


def test_the_same_invitation_again_has_to_wait(world: World, time: Clock) -> None:
    invite()
    sent = mails(world)
    time.forward(minutes=20)
    answer = invite()
    assert (answer.error, answer.headers["Retry-After"]) == ((429, "invited_recently"), "2400")
    assert (sent, world.users.get_invitation(ADDRESS)) == ([None], None)
    time.forward(minutes=40)
    assert (invite().status, sent) == (200, [None, None, "RESEND"])


def test_the_same_invitation_in_the_same_minute_gives_the_user_and_does_nothing(world: World, time: Clock) -> None:
    """Its answer may have been lost, or have been 503 although the row was written."""
    world.fails("AdminGetUser")
    assert invite().error == (503, "service_unavailable")
    world.works_again("AdminGetUser")
    time.forward(seconds=59)
    sent, row = mails(world), world.users.get(invited_id(world))
    answer = invite()
    assert (answer.status, answer.json["id"], sent) == (200, invited_id(world), [None])
    assert world.users.get(invited_id(world)) == row
    assert world.users.get_invitation(ADDRESS) is None


def test_a_refused_repetition_does_not_put_off_the_next_email(world: World, time: Clock) -> None:
    """Else one tenant could keep an address from all others' emails, by two requests an hour."""
    world.tenant("globex")
    invite()
    time.forward(minutes=30)
    invite({"email": ADDRESS, "role": "admin"})
    time.forward(minutes=31)
    assert invite({"email": ADDRESS, "role": "admin"}).error == (429, "invited_recently")
    sent = mails(world)
    invite(caller=replace(ADMIN, tenant_id="globex"))
    assert sent == [None, "RESEND"]


def test_an_email_that_failed_is_sent_by_the_repetition(world: World, time: Clock) -> None:
    world.tenant("globex")
    globex = replace(ADMIN, tenant_id="globex")
    invite()
    time.forward(hours=1)
    refuse_once(world)
    assert invite(caller=globex).error == (503, "service_unavailable")
    sent = mails(world)
    assert (invite(caller=globex).status, sent) == (201, [None, "RESEND"])


def refuse_once(world: World) -> None:
    """Let the next request to send another email fail, as when Cognito throttles."""
    pending = [ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "x"}}, "AdminCreateUser")]

    def refuse(params: dict[str, Any], **_: Any) -> None:
        if pending and params.get("MessageAction") == "RESEND":
            raise pending.pop()

    world.cognito.meta.events.register("provide-client-params.cognito-idp.AdminCreateUser", refuse)


def test_a_claim_whose_answer_was_lost_is_ones_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore sends the same write again, and finds what it wrote."""
    monkeypatch.setattr(ids, "new_id", lambda: "the same")
    mails_of_all = invitation_mails(world.dynamodb)
    assert [mails_of_all.claim(ADDRESS), mails_of_all.claim(ADDRESS)] == [True, True]
    monkeypatch.setattr(ids, "new_id", lambda: "another")
    assert not mails_of_all.claim(ADDRESS)


def test_the_address_is_that_of_the_last_invitation(world: World, time: Clock) -> None:
    """The owner changed it meanwhile: they accept with the one that they have."""
    user_id = invite().json["id"]
    world.cognito.admin_update_user_attributes(
        UserPoolId=world.pool_id, Username=user_id, UserAttributes=[{"Name": "email", "Value": "new@acme.example"}]
    )
    time.forward(minutes=5)
    answer = invite(BEN | {"email": "new@acme.example"})
    assert (answer.status, answer.json["id"], answer.json["email"]) == (200, user_id, "new@acme.example")


def test_another_tenants_email_is_no_reason_to_wait(world: World, time: Clock) -> None:
    """The cooldown is the address's; that it holds shows in no answer."""
    world.tenant("globex")
    globex = replace(ADMIN, tenant_id="globex")
    invite()
    time.forward(minutes=59)
    invite(caller=globex)
    time.forward(minutes=1)
    sent = mails(world)
    assert (invite().status, sent) == (200, [None, "RESEND"])
    time.forward(minutes=59)
    assert (invite(caller=globex).status, sent) == (200, [None, "RESEND", None])


def test_a_tenant_has_so_many_invitations_a_day(world: World, time: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVITATIONS_PER_DAY", "2")
    world.tenant("globex")
    for number in range(2):
        assert invite(BEN | {"email": f"p{number}@acme.example"}).status == 201
    midnight = datetime.combine(time.now.date() + timedelta(days=1), datetime.min.time(), UTC)
    answer = invite()
    assert answer.error == (429, "too_many_invitations")
    assert int(answer.headers["Retry-After"]) == math.ceil((midnight - time.now).total_seconds())
    assert (world.accounts.get_account(ADDRESS), world.users.get_invitation(ADDRESS)) == (None, None)
    assert invite(caller=replace(ADMIN, tenant_id="globex")).status == 201
    time.set(midnight)
    assert [invite(BEN | {"email": f"q{number}@acme.example"}).status for number in range(3)] == [201, 201, 429]


def test_an_invitation_that_was_withdrawn_can_be_made_again(world: World) -> None:
    user_id = invite().json["id"]
    assert withdraw(user_id) == 204
    assert (world.attribute(user_id, TENANT), world.enabled(user_id)) == (None, True)
    activated = api_event("PATCH", f"/v1/users/{user_id}", caller=ADMIN, body={"active": True})
    assert send(update_user.handler, activated).error == (409, "conflict")
    answer = invite({"email": ADDRESS, "role": "reporter"})
    assert (answer.status, answer.json["id"], answer.json["name"]) == (201, user_id, "ben")
    assert (answer.json["active"], answer.json["role"]) == (True, "reporter")


def test_whoever_is_invited_again_needs_a_new_token(world: World, time: Clock) -> None:
    """Those from when they were a user of the tenant would count in the new role, before anything is accepted."""
    user_id = invite().json["id"]
    withdraw(user_id)
    time.forward(minutes=5)
    invite(BEN | {"role": "admin"})
    row = world.users.get(user_id)
    assert row is not None
    assert (row.role, row.tokens_valid_from) == ("admin", next_second())


def test_an_invited_persons_role_changes_in_the_table_alone(world: World) -> None:
    user_id = invite().json["id"]
    world.asked.clear()
    changed = api_event("PATCH", f"/v1/users/{user_id}", caller=ADMIN, body={"role": "admin"})
    assert send(update_user.handler, changed).json["role"] == "admin"
    assert world.asked == ["GetItem", "GetItem", "TransactWriteItems"]
    assert world.admins() == 1


def test_a_user_of_the_tenant_is_not_invited(world: World) -> None:
    user_id = world.account(ADDRESS, "acme", Role.REPORTER)
    world.row(user_id, "Ben", Role.REPORTER)
    before = world.stored(user_id)
    assert invite().error == (409, "user_exists")
    assert world.users.get_invitation(ADDRESS) is None
    assert world.stored(user_id) == before


@pytest.mark.usefixtures("time")
@pytest.mark.parametrize("tenant_id", ["globex", None])
def test_nobody_learns_that_an_address_is_known_elsewhere(world: World, tenant_id: str | None) -> None:
    """The answer is that to an address that nobody knows, but for the id; the account stays as it is."""
    plain = invite(BEN | {"email": "nobody@acme.example", "name": "Ben Okafor"})
    user_id = world.account(ADDRESS, tenant_id, Role.REPORTER if tenant_id else None, name="Benjamin of Globex")
    sent = mails(world)
    answer = invite()
    of_both = {"id": user_id, "email": ADDRESS}
    assert (answer.status, answer.json) == (plain.status, plain.json | of_both)
    assert answer.headers == plain.headers | {"Location": f"/v1/users/{user_id}"}
    assert world.attribute(user_id, TENANT) == tenant_id
    assert world.groups(user_id) == ({"reporter"} if tenant_id else set())
    assert sent == [None], "no password is mailed to somebody who has one"


def test_two_tenants_invite_an_address_and_one_email_is_sent(world: World) -> None:
    world.tenant("globex")
    sent = mails(world)
    mine, theirs = invite(), invite(caller=replace(ADMIN, tenant_id="globex"))
    assert (mine.status, theirs.status) == (201, 201)
    assert sent == [None, None], "the second finds the account"
    assert withdraw(mine.json["id"]) == 204
    row = UserRepository(data_of(world.dynamodb, "globex")).get(theirs.json["id"])
    assert row is not None
    assert (row.active, row.is_invited) == (True, True)


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
    assert world.attribute(answer.json["id"], "email_verified") == "true"


def test_an_invitation_that_others_keep_from_ending_is_recorded(world: World) -> None:
    """Each try finds a new squatter. The answer must not say that nothing happens: reconcileUsers goes on with it."""
    squatter(world)

    def again(**_: object) -> None:
        squatter(world)

    world.cognito.meta.events.register("after-call.cognito-identity-provider.AdminDeleteUser", again)
    answer = invite()
    assert answer.error == (503, "service_unavailable")
    assert "recorded" in answer.json["message"]
    assert world.users.get_invitation(ADDRESS) is not None


def test_an_account_that_is_deleted_at_this_moment_is_made_again(world: World) -> None:
    """reconcileUsers deletes accounts that nobody invites any more."""
    first = invite().json["id"]
    withdraw(first)
    world.before("TransactWriteItems", lambda: world.accounts.delete_account(first), passing=1)
    answer = invite()
    assert answer.status == 201
    assert answer.json["id"] == invited_id(world) != first
    row = world.users.get(first)
    assert row is not None
    assert not row.active


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
    assert world.users.get_invitation(ADDRESS) is not None, "the erasure finds it"


@pytest.mark.parametrize(("operation", "status"), [("AdminCreateUser", 201), ("AdminGetUser", 200)])
def test_an_invitation_that_was_cut_off_is_continued(world: World, operation: str, status: int) -> None:
    world.fails(operation)
    answer = invite()
    assert answer.error == (503, "service_unavailable")
    assert "recorded" in answer.json["message"]
    world.works_again(operation)
    assert invite().status == status
    row = world.users.get(invited_id(world))
    assert row is not None
    assert (row.active, row.role) == (True, Role.AGENT)
    assert world.users.get_invitation(ADDRESS) is None


def test_two_who_invite_the_same_at_once_invite_one(world: World) -> None:
    other: list[Answer] = []
    world.before("AdminCreateUser", lambda: other.append(invite({"email": ADDRESS, "role": "reporter"})))
    answer = invite()
    assert (other[0].status, answer.status) == (201, 200)
    assert answer.json["id"] == other[0].json["id"]
    assert answer.json["role"] == "agent", "the last one counts"
    assert world.users.get_invitation(ADDRESS) is None


def test_inviting_takes_as_long_for_known_addresses(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.row(world.account(ADDRESS, "acme", Role.AGENT), "Ben")
    monkeypatch.setenv("INVITATION_SECONDS", "0.2")
    for body in (BEN, BEN | {"email": "new@acme.example"}):
        started = monotonic()
        invite(body)
        assert monotonic() - started >= 0.2


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
