"""Usage plans whose key the authorizer names."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from ministack.services import apigateway_v1

from local.aws import api_gateway
from local.emulator.loading import MiniStack
from local.settings import STACK_NAME
from local.stack.seed import TENANTS
from tests.harness.people import signed_in
from tests.harness.stack import Stack

DAY = 86_400
NOON = 20_000 * DAY + DAY // 2


@pytest.mark.long
def test_only_the_authorizer_says_whom_a_request_counts_for(start: Callable[..., Stack]) -> None:
    running = start()
    gateway = running.client("apigateway")
    (plan,) = [each for each in gateway.get_usage_plans()["items"] if each["name"] == STACK_NAME]
    limit = {"op": "replace", "path": "/quota/limit", "value": "3"}
    gateway.update_usage_plan(usagePlanId=plan["id"], patchOperations=[limit])
    headers = {"x-api-key": f"requests-of-tenant-{TENANTS['globex']}"}

    def ask(user: str) -> httpx.Response:
        with signed_in(running, user, **headers) as caller:
            return caller.get("/v1/tickets")

    answers = [ask(user) for user in ("admin@acme.example", "agent@acme.example", "reporter@acme.example") * 2]
    assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 3
    assert answers[-1].json()["code"] == "too_many_requests"
    assert ask("agent@globex.example").status_code == 200


def test_what_was_used_is_forgotten_at_midnight(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ("_api_key_from_request", "_create_api_key", "_create_usage_plan_key", "_delete_api_key")
    for name in (*keys, "_authorize_request_v1", "_check_quota", "_import_rest_api"):
        monkeypatch.setattr(apigateway_v1, name, getattr(apigateway_v1, name))  # as it is again after the test
    api_gateway.patch(cast("MiniStack", SimpleNamespace(apigateway=apigateway_v1)))
    plan = {"quota": {"limit": "2", "period": "DAY"}}
    monkeypatch.setattr(apigateway_v1, "_usage_plans_for_key", lambda *_: [("plan", plan, {})])
    monkeypatch.setattr(apigateway_v1, "_quota_state", {})
    now = NOON
    monkeypatch.setattr(apigateway_v1.time, "time", lambda: now)

    def is_refused() -> bool:
        error: Any = apigateway_v1._check_quota({"id": "key"}, "api", "stage")
        return error is not None

    assert [is_refused() for _ in range(3)] == [False, False, True]
    now = NOON + DAY // 2 - 1
    assert is_refused()
    now = NOON + DAY // 2
    assert not is_refused()


def test_a_key_is_made_once(stack: Stack) -> None:
    gateway = stack.client("apigateway")
    value = f"requests-of-tenant-{TENANTS['acme']}"
    with pytest.raises(gateway.exceptions.ConflictException):
        gateway.create_api_key(name="another", value=value)
    (key,) = gateway.get_api_keys(nameQuery=value)["items"]
    plan = next(plan for plan in gateway.get_usage_plans()["items"] if plan["name"] == "ticket-system-local")
    with pytest.raises(gateway.exceptions.ConflictException):
        gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")


def test_a_deleted_key_is_in_no_plan(stack: Stack) -> None:
    gateway = stack.client("apigateway")
    plan = next(plan for plan in gateway.get_usage_plans()["items"] if plan["name"] == "ticket-system-local")
    key = gateway.create_api_key(name="short-lived", value="a-key-that-is-deleted-soon")
    gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    gateway.delete_api_key(apiKey=key["id"])
    held = gateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"]
    assert "short-lived" not in {each["name"] for each in held}
