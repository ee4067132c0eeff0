"""Reports on the running stack: every number recounted from what happened, and opened into its tickets."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.harness.client import Client
from tests.harness.people import TICKET, OwnTenant, Tenant
from tests.harness.postbox import until

type Json = dict[str, Any]

REPORTS = ("volume", "backlog", "responsiveness", "reopenings", "workload", "age")
FORMULA = "=1+1"
ALWAYS = [{"from": "00:00", "to": "00:00"}]
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Desk:
    """A tenant, and the tickets that are in its reports, by what has become of them."""

    tenant: OwnTenant
    agent: Client
    agent_id: str
    reporter: Client
    new: str
    answered: str
    resolved: str
    reopened: str
    closed: str


@pytest.fixture(scope="module")
def desk(found_tenant: Callable[[], OwnTenant]) -> Desk:
    tenant = found_tenant()
    agent, reporter = tenant.join("agent"), tenant.join("reporter")
    agent_id = agent.get("/v1/users/me").json()["id"]
    targets = {"clock": "elapsed", "response": {"HIGH": 60}, "resolution": {"LOW": 60}}
    tenant.admin.patch("/v1/tenant", json={"settings": {"targets": targets}}, expect=200)

    def make(**fields: Any) -> str:
        return str(reporter.create("/v1/tickets", TICKET | fields)["id"])

    def move(ticket_id: str, to: str) -> None:
        body = {"to": to} | ({"resolution": "Done."} if to == "RESOLVED" else {})
        agent.post(f"/v1/tickets/{ticket_id}/transitions", json=body, expect=200)

    made = Desk(
        *(tenant, agent, agent_id, reporter),
        new=make(title=FORMULA, tags=["vpn"]),
        answered=make(priority="HIGH"),
        resolved=make(priority="LOW", tags=["vpn", "office"]),
        reopened=make(),
        closed=make(),
    )
    agent.post(f"/v1/tickets/{made.answered}/comments", json={"body": "Which floor?"}, expect=201)
    for ticket_id, *moves in (
        (made.resolved, "OPEN", "RESOLVED"),
        (made.reopened, "OPEN", "RESOLVED", "OPEN"),
        (made.closed, "CLOSED"),
    ):
        agent.patch(f"/v1/tickets/{ticket_id}", json={"assignedToId": agent_id}, expect=200)
        for to in moves:
            move(ticket_id, to)
    until(
        lambda: report(agent, "volume")["groups"][0]["totals"],
        lambda found: found == {"created": 5, "resolved": 2, "closed": 1, "reopened": 1},
    )
    return made


def report(api: Client, name: str, **query: str) -> Json:
    answer: Json = api.get(f"/v1/reports/{name}", params=query, expect=200).json()
    return answer


def behind(api: Client, name: str, figure: str, **query: str) -> list[str]:
    """Return the ids of the tickets behind a number, page by page."""
    place = "/v1/reports/tickets"
    answer = api.get(place, params={"report": name, "figure": figure, "limit": "2"} | query, expect=200)
    found = [ticket["id"] for ticket in answer.json()["tickets"]]
    while following := answer.links.get("next"):
        answer = api.get(following["url"], expect=200)
        found += [ticket["id"] for ticket in answer.json()["tickets"]]
    return found


def sheet(api: Client, path: str, **query: str) -> list[dict[str, str]]:
    answer = api.get(path, params=query, headers={"Accept": "text/csv"}, expect=200)
    assert answer.headers["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def test_every_report_counts_what_happened(desk: Desk) -> None:
    """Each number of all tickets that is not of minutes, as it is known from what was done."""
    expected: dict[str, dict[str, float]] = {
        "volume": {"created": 5, "resolved": 2, "closed": 1, "reopened": 1},
        "backlog": {"NEW": 2, "OPEN": 1, "IN_PROGRESS": 0, "RESOLVED": 1, "CLOSED": 1, "open": 3},
        "responsiveness": {
            "response.count": 1,
            "response.targeted": 1,
            "response.within": 1,
            "response.share": 1,
            "firstResolution.count": 2,
            "firstResolution.targeted": 1,
            "firstResolution.within": 1,
        },
        "reopenings": {"resolved": 2, "reopened": 1, "share": 0.5, "reopenedOnce": 1, "reopenedTwice": 0},
        "workload": {"open": 3, "responses": 1},
        "age": {"open": 3, "underOneDay": 3, "oneToThreeDays": 0},
    }
    assert set(expected) == set(REPORTS)
    for name, numbers in expected.items():
        totals = report(desk.agent, name)["groups"][0]["totals"]
        assert {figure: totals[figure] for figure in numbers} == numbers, name


@pytest.mark.each
@pytest.mark.parametrize("name", REPORTS)
def test_a_number_opens_into_as_many_tickets(desk: Desk, name: str) -> None:
    by = {} if name == "workload" else {"by": "tag"}
    for group in report(desk.tenant.admin, name, **by)["groups"]:
        figure, number = next((figure, each) for figure, each in group["totals"].items() if each)
        found = behind(desk.agent, name, figure, group=group["key"])
        assert len(set(found)) == len(found) == number, (group["key"], figure)


def test_numbers_open_into_the_tickets_that_they_count(desk: Desk) -> None:
    resolved = report(desk.agent, "volume")["groups"][0]["series"]["resolved"]
    assert behind(desk.agent, "volume", "resolved", part=str(resolved.index(2))) == [desk.reopened, desk.resolved]
    assert behind(desk.agent, "responsiveness", "response.within") == [desk.answered]
    assert behind(desk.agent, "volume", "created", q="tag:vpn status:NEW") == [desk.new]
    assert behind(desk.agent, "workload", "open", group=f"agent={desk.agent_id}") == [desk.reopened]
    assert behind(desk.agent, "volume", "created", group="tag=office") == [desk.resolved]


def test_agents_and_texts_are_readable_in_sheets(desk: Desk) -> None:
    agent = next(row for row in sheet(desk.agent, "/v1/reports/workload") if row["agent"] == desk.agent_id)
    assert (agent["agent.name"], agent["open"]) == (desk.agent.get("/v1/users/me").json()["name"], "1")
    titles = [row["title"] for row in sheet(desk.agent, "/v1/reports/tickets", report="backlog", figure="NEW")]
    assert titles == [TICKET["title"], f"'{FORMULA}"]


def test_reporters_have_no_reports_and_other_tenants_other_numbers(desk: Desk, globex: Tenant) -> None:
    for path in ("/v1/reports/volume", "/v1/reports/tickets?report=volume&figure=created"):
        answer = desk.reporter.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    ours = {desk.new, desk.answered, desk.resolved, desk.reopened, desk.closed}
    assert not ours & set(behind(globex.agent, "volume", "created", q="vpn"))
    assert desk.agent_id not in globex.agent.get("/v1/reports/workload", expect=200).text
    assert behind(globex.agent, "workload", "open", group=f"agent={desk.agent_id}") == []


@pytest.mark.parametrize(
    "query",
    ["from=2026-02-01&to=2026-01-31", "from=2016-01-01&to=2025-12-31", "zone=Asia/Tokyo", "by=colour", "q=colour:red"],
)
def test_what_nobody_can_mean_is_a_bad_request(desk: Desk, query: str) -> None:
    for path in (f"/v1/reports/volume?{query}", f"/v1/reports/tickets?report=volume&figure=created&{query}"):
        answer = desk.agent.get(path)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
        assert answer.json()["details"]


def test_a_changed_calendar_computes_the_facts_again(desk: Desk) -> None:
    """By a calendar that is closed on these days, the same response took no business time at all."""
    far = DAYS[(datetime.now(UTC).weekday() + 3) % 7]
    calendar = {"name": "Closed now", "timeZone": "UTC", "hours": {far: ALWAYS}, "default": True}
    place = desk.tenant.admin.post("/v1/calendars", json=calendar, expect=201).headers["Location"]
    assert report(desk.agent, "responsiveness", clock="business")["recomputing"]
    after = until(
        lambda: report(desk.agent, "responsiveness", clock="business"), lambda found: not found["recomputing"]
    )
    totals = after["groups"][0]["totals"]
    assert [totals[f"firstResolution.{figure}"] for figure in ("count", "p90")] == [2, 0]
    desk.tenant.admin.patch(place, json={"default": False}, expect=200)
