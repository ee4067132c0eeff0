"""Tenants on the running API: founded once per name, with settings that hold, limits that bite, and an end."""

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from tests.harness.people import TICKET, Accounts, OwnTenant, Tenant
from tests.harness.stack import Stack
from ticketing.users.usage_plan import usage_key

type Found = Callable[[], OwnTenant]


def test_two_who_want_one_name_at_once_get_one_tenant(accounts: Accounts) -> None:
    name = f"Wanted {uuid4()}"
    callers = [accounts.caller(accounts.sign_up()) for _ in range(4)]
    with ThreadPoolExecutor(len(callers)) as pool:
        # The same to people: case and spaces do not make another name.
        spellings = [name, name.upper(), f"  {name}", name.replace(" ", "   ")]
        answers = list(
            pool.map(
                lambda pair: pair[0].post("/v1/tenant", json={"name": pair[1]}), zip(callers, spellings, strict=True)
            )
        )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"tenant_name_taken"}
    loser = next(caller for caller, answer in zip(callers, answers, strict=True) if answer.status_code == 409)
    assert loser.post("/v1/tenant", json={"name": f"Another {uuid4()}"}).status_code == 201


def test_founding_again_after_a_lost_answer_gives_the_same_tenant(accounts: Accounts) -> None:
    email, name = accounts.sign_up(), f"Again {uuid4()}"
    caller = accounts.caller(email)
    first = caller.post("/v1/tenant", json={"name": name})
    assert (first.status_code, caller.post("/v1/tenant", json={"name": name}).json()) == (201, first.json())
    other = caller.post("/v1/tenant", json={"name": f"Other {uuid4()}"})
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    admin = accounts.member(email)
    assert admin.get("/v1/tenant").json() == first.json()
    assert admin.post("/v1/tenant", json={"name": f"Third {uuid4()}"}).status_code == 403


def test_settings_hold(found_tenant: Found) -> None:
    tenant = found_tenant()
    reporter, agent = tenant.join("reporter"), tenant.join("agent")
    assert reporter.post("/v1/tickets", json=TICKET).json()["priority"] == "MEDIUM"
    settings: dict[str, Any] = {
        "defaultPriority": "HIGH",
        "whoMayCreate": "AGENTS",
        "allowedEmailDomains": ["founded.example"],
    }
    settings |= {"autoCloseDays": 7, "timeZone": "Asia/Tokyo"}
    settings |= {"targets": {"clock": "elapsed", "response": {"HIGH": 60}, "resolution": {}}}
    answer = tenant.admin.patch("/v1/tenant", json={"settings": settings})
    assert answer.json()["settings"] == settings

    refused = reporter.post("/v1/tickets", json=TICKET)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    made = agent.post("/v1/tickets", json=TICKET).json()
    assert (made["priority"], made["number"]) == ("HIGH", 2)  # the refusal took no number
    assert agent.post("/v1/tickets", json=TICKET | {"priority": "LOW"}).json()["priority"] == "LOW"
    foreign = tenant.admin.post("/v1/users", json={"email": f"{uuid4()}@elsewhere.example", "role": "agent"})
    assert (foreign.status_code, foreign.json()["code"]) == (422, "email_domain_not_allowed")

    back: dict[str, Any] = {
        "defaultPriority": "MEDIUM",
        "whoMayCreate": "EVERYBODY",
        "allowedEmailDomains": [],
        "autoCloseDays": None,
        "timeZone": "UTC",
        "targets": {"clock": "business", "response": {}, "resolution": {}},
    }
    assert tenant.admin.patch("/v1/tenant", json={"settings": back}).json()["settings"] == back
    assert reporter.post("/v1/tickets", json=TICKET).json()["priority"] == "MEDIUM"


# --- the end ---------------------------------------------------------------------------------------------------------


def _items(stack: Stack) -> Iterator[tuple[str, dict[str, Any]]]:
    for table in ("TicketsTableName", "UsersTableName"):
        pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs[table])
        yield from ((table, item) for page in pages for item in page["Items"])


def _texts(stack: Stack) -> set[str]:
    """Return all items as JSON."""
    return {json.dumps(item, sort_keys=True) for _, item in _items(stack)}


def test_a_deleted_tenant_leaves_a_receipt_and_nothing_else(
    stack: Stack, found_tenant: Found, accounts: Accounts, acme: Tenant
) -> None:
    tenant = found_tenant()
    people = [tenant.join("agent"), tenant.join("reporter")]
    tenant.invite("admin")
    key = tenant.admin.post("/v1/api-keys", json={"name": "Importer", "role": "agent"}).json()["key"]
    tickets = [caller.post("/v1/tickets", json=TICKET).headers["Location"] for caller in (*people, tenant.admin)]
    assert tenant.admin.post(f"{tickets[0]}/transitions", json={"to": "CLOSED"}).status_code == 200
    assert tenant.admin.delete(tickets[1]).status_code == 204
    assert tenant.admin.patch("/v1/tenant", json={"settings": {"autoCloseDays": 5}}).status_code == 200
    others = {text for text in _texts(stack) if tenant.id not in text}
    mine = acme.admin.get("/v1/tenant").json()

    assert tenant.admin.delete("/v1/tenant").status_code == 400
    assert tenant.admin.delete("/v1/tenant", params={"name": "Another"}).status_code == 400
    former = tenant.delete()

    receipt = former.get(f"/v1/tenant-deletions/{tenant.id}").json()
    counts = {name: receipt[name] for name in ("tickets", "events", "users", "apiKeys")}
    assert counts == {"tickets": 3, "events": 5, "users": 4, "apiKeys": 1}
    left = {item["PK"]["S"]: item for _, item in _items(stack) if tenant.id in json.dumps(item)}
    assert set(left) == {f"TENANT#{tenant.id}#DELETION", f"TENANT#{tenant.id}#COUNTER"}
    names = {name for table, item in _items(stack) for name in [item["PK"]["S"]] if tenant.name.lower() in name}
    assert names == set()
    cognito = stack.client("cognito-idp").get_paginator("list_users")
    accounts_left = [
        user for page in cognito.paginate(UserPoolId=stack.outputs["UserPoolId"]) for user in page["Users"]
    ]
    assert tenant.id not in json.dumps(accounts_left, default=str)
    keys = stack.client("apigateway").get_api_keys(nameQuery=usage_key(tenant.id))["items"]
    assert keys == []
    # Whom the gateway let in a moment ago has no tenant that requests could be counted for; nobody else is let in.
    assert people[0].post("/v1/tickets", json=TICKET).status_code in {401, 403, 503}
    assert accounts.connect(token=key).get("/v1/tickets").status_code == 401
    assert former.get("/v1/tickets").status_code == 403
    assert others - _texts(stack) == set()
    assert acme.admin.get("/v1/tenant").json() == mine
    again = former.post("/v1/tenant", json={"name": tenant.name})
    assert again.status_code == 201
    assert again.json()["id"] != tenant.id


# --- limits ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def limited(stack: Stack, found_tenant: Found) -> Iterator[Callable[..., OwnTenant]]:
    """Give a tenant a usage plan of its own, as one would for a customer with other needs."""
    gateway, made = stack.client("apigateway"), []
    (usual,) = [plan for plan in gateway.get_usage_plans()["items"] if plan["name"] == "ticket-system-local"]

    def limit(**limits: Any) -> OwnTenant:
        tenant = found_tenant()
        (key,) = gateway.get_api_keys(nameQuery=usage_key(tenant.id))["items"]
        stages = [{"apiId": stack.outputs["ApiId"], "stage": stack.outputs["ApiStage"]}]
        plan = gateway.create_usage_plan(name=f"plan-{uuid4()}", apiStages=stages, **limits)
        made.append((plan["id"], key["id"]))
        gateway.delete_usage_plan_key(usagePlanId=usual["id"], keyId=key["id"])
        gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
        return tenant

    yield limit
    for plan_id, key_id in made:
        gateway.delete_usage_plan_key(usagePlanId=plan_id, keyId=key_id)
        gateway.create_usage_plan_key(usagePlanId=usual["id"], keyId=key_id, keyType="API_KEY")
        gateway.delete_usage_plan(usagePlanId=plan_id)


def test_a_tenant_that_asks_too_fast_is_told_when_to_come_back(limited: Callable[..., OwnTenant], acme: Tenant) -> None:
    tenant = limited(throttle={"rateLimit": 2.0, "burstLimit": 3})
    answers = [tenant.admin.get("/v1/tickets") for _ in range(8)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 3
    assert {answer.json()["code"] for answer in refused} == {"too_many_requests"}
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert acme.admin.get("/v1/tickets").status_code == 200  # nobody else's limit


def test_a_tenant_that_has_used_up_its_day_is_told(limited: Callable[..., OwnTenant], acme: Tenant) -> None:
    tenant = limited(quota={"limit": 4, "period": "DAY"})
    answers = [tenant.admin.get("/v1/tickets") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
    assert re.fullmatch(r"[0-9]+", answers[-1].headers["Retry-After"])
    assert "00:00 UTC" in answers[-1].json()["message"]
    key_of_another = acme.admin.get("/v1/tickets")
    assert key_of_another.status_code == 200


def test_a_newcomer_has_twenty_requests_a_day_and_takes_none_from_others(accounts: Accounts) -> None:
    email, place = accounts.sign_up(), "/v1/tenant-deletions/none"
    newcomer = accounts.caller(email)
    assert [newcomer.get(place).status_code for _ in range(22)] == [404] * 20 + [429] * 2
    assert newcomer.get(place).headers["Retry-After"] == "3600"
    time.sleep(1)  # a token of another second, which API Gateway has not seen
    assert accounts.caller(email).get(place).status_code == 403
    assert accounts.caller(accounts.sign_up()).get(place).status_code == 404
