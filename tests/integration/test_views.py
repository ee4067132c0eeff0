"""Saved views on the deployed stack: whose they are, what they count, and that many at once keep to the rules."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.harness.client import Client
from tests.harness.people import TICKET, OwnTenant
from tests.harness.postbox import until
from tests.harness.stack import Stack
from ticketing.views.models import MOST_OWN


@pytest.fixture(scope="module")
def tenant(found_tenant: Callable[[], OwnTenant]) -> OwnTenant:
    return found_tenant()


def create(api: Client, name: str, query: str = "", **values: Any) -> str:
    """Save a view and return its id."""
    return str(api.post("/v1/views", json={"name": name, "query": query} | values, expect=201).json()["id"])


def own(api: Client) -> list[Any]:
    """Return somebody's own views."""
    return [view for view in api.get("/v1/views").json() if not view["shared"]]


def totals(api: Client, *view_ids: str) -> list[Any]:
    """Return what views count, of an index that has everything."""
    counted = api.get("/v1/views/counts", params={"ids": ",".join(view_ids)}, expect=200).json()
    return [each["total"] and each["total"]["value"] for each in counted["counts"]] if counted["complete"] else []


def test_a_view_counts_and_finds_for_each_caller_what_they_may_see(tenant: OwnTenant) -> None:
    admin, agent, reporter = tenant.admin, tenant.join("agent"), tenant.join("reporter")
    for api, title in ((reporter, "Printer on fire"), (agent, "Printer jam"), (agent, "Keyboard gone")):
        api.post("/v1/tickets", json=TICKET | {"title": title}, expect=201)
    mine = create(reporter, "Printers", "printer")
    desk = create(admin, "Printers", "printer", shared=True, sort="-created")
    reported = create(agent, "Mine", "reporter:me")
    until(lambda: totals(agent, desk, reported), lambda found: found == [2, 2])
    until(lambda: totals(reporter, mine, desk), lambda found: found == [1, None])
    found = agent.get("/v1/search/tickets", params={"view": desk}, expect=200).json()
    assert [each["title"] for each in found["tickets"]] == ["Printer jam", "Printer on fire"]
    assert found["total"] == {"value": 2, "exact": True}
    reporter.get("/v1/search/tickets", params={"view": desk}, expect=404)


@pytest.mark.long
def test_many_at_once_have_no_more_than_the_maximum(tenant: OwnTenant) -> None:
    agent = tenant.join("agent")
    for number in range(MOST_OWN - 5):
        create(agent, f"View {number}")

    def attempt(number: int) -> int:
        answer = agent.post("/v1/views", json={"name": f"At once {number}", "query": ""})
        while answer.status_code == 409 and answer.json()["code"] == "conflict":
            answer = agent.post("/v1/views", json={"name": f"At once {number}", "query": ""})
        return answer.status_code

    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(attempt, range(10)))
    assert sorted(statuses) == [201] * 5 + [409] * 5
    assert len(own(agent)) == MOST_OWN


def test_a_key_and_a_name_make_one_view_however_many_ask_at_once(tenant: OwnTenant) -> None:
    agent, body = tenant.join("agent"), {"name": "Once", "query": "tag:vpn"}

    def attempt(key: str | None) -> tuple[int, str]:
        answer = agent.post("/v1/views", json=body, key=key)
        while answer.status_code == 409 and answer.json()["code"] == "conflict":
            answer = agent.post("/v1/views", json=body, key=key)
        return answer.status_code, str(answer.json().get("id"))

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(attempt, ["once"] * 6))) == 1
        assert {status for status, _ in pool.map(attempt, [None] * 6)} == {409}
    assert len(own(agent)) == 1


def test_sharing_is_audited_and_nothing_is_left_of_a_tenant(
    stack: Stack, found_tenant: Callable[[], OwnTenant]
) -> None:
    doomed = found_tenant()
    view = create(doomed.admin, "Desk", "status:NEW", shared=True)
    create(doomed.join("reporter"), "Mine")
    told = doomed.admin.get("/v1/audit-events").json()
    assert [event["target"] for event in told if event["action"] == "createView"] == [{"type": "VIEW", "id": view}]
    doomed.delete()
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["SearchTableName"])
    assert not [item for page in pages for item in page["Items"] if doomed.id in item["PK"]["S"]]
