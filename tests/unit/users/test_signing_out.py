"""Signing out everywhere: Cognito refreshes nothing any more, and no token that was issued counts."""

from dataclasses import replace

import pytest

from functions.users import sign_out, update_user
from tests.unit.conftest import Clock
from tests.unit.support import ADMIN, AGENT, MOMENT, Answer, api_event, send
from tests.unit.users.conftest import World
from ticketing.access.roles import Role
from ticketing.dynamodb.transactions import VersionConflictError
from ticketing.users.models import User
from ticketing.users.operations import next_version

NOW = int(MOMENT.timestamp())

pytestmark = pytest.mark.usefixtures("time")


def leave(user: User, *, issued: int = NOW - 60) -> Answer:
    caller = replace(AGENT, user_id=user.id)
    event = api_event("POST", "/v1/users/me/sign-out", caller=caller)
    event["requestContext"]["authorizer"]["tokenIssuedAt"] = str(issued)
    return send(sign_out.handler, event)


def test_cognito_first_then_the_mark_and_nothing_else_changes(world: World) -> None:
    ben = world.person("Ben")
    world.asked.clear()
    answer = leave(ben)
    assert (answer.status, answer.text) == (204, "")
    assert world.asked == ["GetItem", "AdminUserGlobalSignOut", "UpdateItem"]
    assert world.now(ben) == ben.model_copy(update={"tokens_valid_from": NOW + 1})


def test_a_token_that_was_ended_ends_nothing_and_asks_cognito_nothing(world: World) -> None:
    """Within the minute for which API Gateway lets it in still: 204 would say that nobody is signed in any more."""
    ben = world.person("Ben")
    leave(ben)
    world.asked.clear()
    assert leave(ben).error == (401, "unauthorized")
    assert world.asked == ["GetItem"]


def test_a_token_from_before_a_change_of_the_role_does_not_pass_for_signed_out(world: World) -> None:
    """Which ends tokens, and no session."""
    ben = world.person("Ben")
    path = f"/v1/users/{ben.id}"
    changed = api_event("PATCH", path, caller=ADMIN, body={"role": "reporter"}, pathParameters={"id": ben.id})
    assert send(update_user.handler, changed).status == 200
    assert leave(ben).error == (401, "unauthorized")
    assert leave(ben, issued=NOW + 1).status == 204


def test_a_newer_token_ends_the_newer_ones(world: World, time: Clock) -> None:
    ben = world.person("Ben")
    leave(ben)
    time.forward(seconds=30)
    assert leave(ben, issued=NOW + 1).status == 204
    assert world.void_before(ben.id) == NOW + 31


@pytest.mark.parametrize("failing", ["AdminUserGlobalSignOut", "UpdateItem"])
def test_a_step_that_fails_is_said_and_repeated(world: World, failing: str) -> None:
    ben = world.person("Ben")
    world.fails(failing, "TooManyRequestsException" if failing.startswith("Admin") else "ThrottlingException")
    answer = leave(ben)
    assert answer.error == (503, "service_unavailable")
    assert answer.json["message"] == "You are not signed out everywhere yet. Repeat the request."
    assert world.void_before(ben.id) == 1
    world.works_again(failing)
    assert leave(ben).status == 204
    assert world.void_before(ben.id) == NOW + 1


def test_without_an_account_the_tokens_end_all_the_same(world: World) -> None:
    ben = world.person("Ben")
    world.accounts.delete_account(ben.id)
    assert leave(ben).status == 204
    assert world.void_before(ben.id) == NOW + 1


def test_a_time_never_goes_back(world: World) -> None:
    """A change of the role that was begun before somebody signed out, and is written after it."""
    ben = world.person("Ben", Role.AGENT)
    world.users.end_tokens(ben.id, valid_from=NOW + 5)
    world.users.end_tokens(ben.id, valid_from=NOW)
    assert world.void_before(ben.id) == NOW + 5
    stale = next_version(ben, {"role": Role.REPORTER, "tokens_valid_from": NOW + 1})
    with pytest.raises(VersionConflictError):
        world.users.update_access(ben, stale)
    assert (world.now(ben).role, world.void_before(ben.id)) == (Role.AGENT, NOW + 5)


def test_a_row_that_is_gone_is_not_brought_back(world: World) -> None:
    world.users.end_tokens("nobody", valid_from=NOW)
    assert world.stored("nobody") is None
    assert send(sign_out.handler, api_event("POST", "/v1/users/me/sign-out", caller=ADMIN)).error == (
        404,
        "user_not_found",
    )


def test_a_key_has_no_sessions(world: World) -> None:
    world.row(ADMIN.user_id, "Ada", Role.ADMIN)
    key = replace(ADMIN, is_api_key=True)
    answer = send(sign_out.handler, api_event("POST", "/v1/users/me/sign-out", caller=key))
    assert answer.error == (403, "forbidden")
