"""getReport and listReportTickets through their functions: a real index in a folder, the tables on moto."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from bench.lives import Happening, lived
from functions.analytics import get_report, list_report_tickets
from tests.unit.search.support import FolderStore, a_document
from tests.unit.support import (
    ADMIN,
    AGENT,
    AGENT_ID,
    OTHER_ID,
    REPORTER,
    REPORTER_ID,
    SEARCH_TABLE,
    USERS_TABLE,
    Answer,
    a_ticket,
    api_event,
    put_item,
    send,
    stored,
)
from ticketing.access.identity import Caller
from ticketing.analytics.models import ReportName
from ticketing.calendars.models import Calendar, CalendarSet, Holiday, Interval, WeeklyHours
from ticketing.dynamodb.attributes import to_item
from ticketing.ids import derived_id
from ticketing.search.business import calendar_of
from ticketing.search.embedded import Embedded
from ticketing.search.facts import milliseconds
from ticketing.search.port import Build, Changes
from ticketing.tickets.kinds import Priority
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Ticket

pytestmark = pytest.mark.usefixtures("dynamodb", "people", "time")

HOURS = [Interval.model_validate({"from": "09:00", "to": "17:00"})]
DESK = Calendar(
    id=OTHER_ID,
    name="Desk",
    time_zone="Europe/Berlin",
    hours=WeeklyHours(**dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), HOURS)),
    holidays=[],
    default=True,
    version=1,
    created_at="2026-01-01T00:00:00.000Z",
    updated_at="2026-01-01T00:00:00.000Z",
)
CALENDAR = calendar_of("Europe/Berlin", DESK)
AS_OF = "2026-02-02T08:00:00.000Z"
WEEK = "from=2026-01-26&to=2026-02-01"
FORMULA = '=HYPERLINK("https://evil.example";"Click")'


def history(created: str, assignee: str | None, *moves: tuple[str, str, str, str]) -> list[Happening]:
    """Return a history: the creation, then (when, by whom, from, to); `responded` stands for a response."""
    first: dict[str, tuple[str | None, str | None]] = {"status": (None, "NEW"), "assignedToId": (None, assignee)}
    found = [Happening(milliseconds(created), REPORTER_ID, first)]
    for at, by, before, after in moves:
        is_response = after == "responded"
        found.append(
            Happening(
                milliseconds(at), by, {"firstRespondedAt": (None, at)} if is_response else {"status": (before, after)}
            )
        )
    return found


TICKETS: list[tuple[dict[str, Any], list[Happening]]] = [
    (
        {"title": FORMULA, "priority": Priority.HIGH, "tags": ["vpn", "Büro, 1. Stock"], "assigned_to_id": AGENT_ID},
        history(
            "2026-01-23T15:30:00.000Z",  # a Friday, half an hour before the desk closes
            AGENT_ID,
            ("2026-01-26T08:15:00.000Z", AGENT_ID, "", "responded"),
            ("2026-01-26T09:00:00.000Z", AGENT_ID, "NEW", "RESOLVED"),
        ),
    ),
    (
        {"title": "-1 printer", "assigned_to_id": AGENT_ID, "tags": ["vpn"]},
        history(
            "2026-01-26T10:00:00.000Z",
            AGENT_ID,
            ("2026-01-27T10:00:00.000Z", AGENT_ID, "NEW", "RESOLVED"),
            ("2026-01-28T10:00:00.000Z", REPORTER_ID, "RESOLVED", "OPEN"),
        ),
    ),
    ({"title": "Nobody's", "reporter_id": OTHER_ID}, history("2026-01-30T10:00:00.000Z", None)),
]


def made(number: int, values: dict[str, Any], happenings: list[Happening]) -> Ticket:
    """Return a ticket as it is after its history."""
    status = [each.changes["status"][1] for each in happenings if "status" in each.changes][-1]
    return a_ticket(id=derived_id(str(number)), number=number, status=Status(status or ""), **values)


@pytest.fixture
def tickets(dynamodb: DynamoDBClient) -> list[Ticket]:
    """The tickets in the table; the tenant's zone is Berlin's, its calendar the desk's, with targets."""
    settings = {"timeZone": "Europe/Berlin", "targets": {"clock": "business", "response": {"HIGH": 30}}}
    put_item(USERS_TABLE, to_item({"PK": "TENANT#acme#TENANT", "SK": "TENANT", "settings": settings}))
    put_calendars(DESK)
    return [stored(dynamodb, made(number, *each)) for number, each in enumerate(TICKETS, start=1)]


def put_calendars(*calendars: Calendar) -> None:
    item = CalendarSet(version=1, calendars=list(calendars)).model_dump(mode="json", by_alias=True)
    put_item(SEARCH_TABLE, to_item({"PK": "TENANT#acme#CALENDARS", "SK": "CALENDARS"} | item))


@pytest.fixture(autouse=True)
def index(tickets: list[Ticket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Serve an index of the tickets; return the orders for another one."""
    index = Embedded(FolderStore(tmp_path))  # type: ignore[arg-type]
    documents = [
        lived(
            a_document(
                ticket.number,
                ticket_id=ticket.id,
                title=ticket.title,
                priority=ticket.priority.value,
                tags=tuple(ticket.tags),
                assignee_id=ticket.assigned_to_id,
                reporter_id=ticket.reporter_id,
                created_at=happenings[0].at,
            ),
            happenings,
            CALENDAR,
        )
        for ticket, (_, happenings) in zip(tickets, TICKETS, strict=True)
    ]
    build = Build(AS_OF, {"page": 0})
    index.begin(build)
    index.extend(lambda: Changes(documents, (), AS_OF, CALENDAR.version), build, {"page": 0})
    index.finish(build)
    orders: list[str] = []
    for module in (get_report, list_report_tickets):
        monkeypatch.setattr(module, "reporting_index_of_caller", lambda _caller: index)
        monkeypatch.setattr(module, "rebuild", lambda _tenant, reason: orders.append(reason))
    return orders


def report(name: str, query: str = "", *, caller: Caller = AGENT, accept: str = "application/json") -> Answer:
    event = api_event("GET", f"/v1/reports/{name}?{query}", caller=caller, headers={"Accept": accept})
    return send(get_report.handler, event | {"pathParameters": {"report": name}})


def behind(query: str, *, caller: Caller = AGENT, accept: str = "application/json") -> Answer:
    event = api_event("GET", f"/v1/reports/tickets?{query}", caller=caller, headers={"Accept": accept})
    return send(list_report_tickets.handler, event)


def rows_of(answer: Answer) -> list[dict[str, str]]:
    """Read a sheet as a spreadsheet does."""
    text = answer.text
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert text.startswith("\ufeff")
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_a_report_names_people_and_what_was_asked() -> None:
    answer = report("volume", f"{WEEK}&by=assignee&interval=week&compare=previous").json
    asked = {name: answer[name] for name in ("report", "zone", "interval", "clock", "from", "to", "starts")}
    assert asked == {
        "report": "volume",
        "zone": "Europe/Berlin",
        "interval": "week",
        "clock": "business",
        "from": "2026-01-26",
        "to": "2026-02-01",
        "starts": ["2026-01-26"],
    }
    everybody, anna, nobody = answer["groups"]
    assert everybody["totals"] == {"created": 2, "resolved": 2, "closed": 0, "reopened": 1}
    assert anna["parts"] == [{"by": "assignee", "value": AGENT_ID, "name": "Anna", "isOther": False}]
    assert (nobody["parts"][0]["name"], nobody["totals"]["created"]) == (None, 1)
    before = answer["previous"]
    assert (before["from"], before["to"], before["groups"][0]["totals"]["created"]) == ("2026-01-19", "2026-01-25", 1)
    assert (answer["asOf"], answer["complete"], answer["recomputing"]) == (AS_OF, True, False)


def test_a_period_that_nobody_sets_is_the_last_thirty_days_in_the_tenants_zone() -> None:
    answer = report("age").json
    assert (answer["from"], answer["to"], answer["groups"][0]["totals"]["open"]) == ("2026-01-04", "2026-02-02", 2)


def test_targets_count_in_their_clock_alone() -> None:
    business = report("responsiveness", WEEK).json["groups"][0]["totals"]
    # 30 minutes on Friday, and 15 on Monday morning
    assert {name: business[f"response.{name}"] for name in ("count", "median", "targeted", "within", "share")} == {
        "count": 1,
        "median": 45,
        "targeted": 1,
        "within": 0,
        "share": 0,
    }
    elapsed = report("responsiveness", f"{WEEK}&clock=elapsed").json["groups"][0]["totals"]
    assert elapsed["response.median"] == pytest.approx(64 * 60 + 45, rel=0.01)
    assert (elapsed["response.targeted"], elapsed["response.share"]) == (0, None)


def numbers(answer: dict[str, Any]) -> Iterable[tuple[str, str, int | None, int]]:
    """Yield every number that counts tickets, but 0: group, figure, part, and the number."""
    for group in answer["groups"]:
        for figure, total in group["totals"].items():
            if figure.endswith(("median", "p90", "share")):
                continue
            for part, number in [(None, total), *enumerate(group["series"].get(figure, ()))]:
                if number:
                    yield group["key"], figure, part, number


BY = ("", "tag,assignee")


@pytest.mark.each
@pytest.mark.parametrize("name", ReportName)
def test_every_number_opens_into_its_tickets(name: ReportName) -> None:
    for by in BY if name is not ReportName.WORKLOAD else ("",):
        period = f"{WEEK}&interval=week"
        answer = report(name, f"{period}&by={by}" if by else period).json
        for group, figure, part, number in numbers(answer):
            query = {"report": name.value, "figure": figure, "group": group} | ({} if part is None else {"part": part})
            opened = behind(f"{period}&{urlencode(query)}")
            assert len(opened.json["tickets"]) == number, (by, query, opened.json)


def test_a_ticket_behind_a_number_has_its_facts(tickets: list[Ticket]) -> None:
    (found,) = behind(f"report=volume&figure=resolved&part=0&{WEEK}").json["tickets"]
    assert found["facts"] == {
        "respondedAt": "2026-01-26T08:15:00.000Z",
        "firstResolvedAt": "2026-01-26T09:00:00.000Z",
        "lastResolvedAt": "2026-01-26T09:00:00.000Z",
        "reopened": 0,
        "reassigned": 0,
        "untilResponse": 45,
        "untilFirstResolution": 90,
        "untilLastResolution": 90,
        "inNew": 90,
        "inOpen": None,
        "inInProgress": None,
        "inResolved": None,
    }
    assert (found["id"], found["title"]) == (tickets[0].id, FORMULA)
    assert found["reporter"] == {"id": REPORTER_ID, "name": "Rita"}
    assert found["assignedTo"] == {"id": AGENT_ID, "name": "Anna"}


def test_pages_go_on_and_cursors_belong_to_their_number() -> None:
    query = "report=age&figure=open&limit=1"
    first = behind(query)
    cursor = first.headers["Link"].partition("cursor=")[2].partition(">")[0]
    second = behind(f"{query}&cursor={cursor}")
    assert [each.json["tickets"][0]["number"] for each in (first, second)] == [3, 2]
    assert "Link" not in second.headers
    for other in ("report=age&figure=median&limit=1", "report=age&figure=open&q=vpn"):
        assert behind(f"{other}&cursor={cursor}").status == 400
    assert behind(f"{query}&cursor={cursor}", caller=ADMIN).status == 400


def test_the_table_tells(dynamodb: DynamoDBClient, tickets: list[Ticket]) -> None:
    """What is gone, or does not match any more, is behind no number, though the index does not know it yet."""
    query = f"report=volume&figure=created&q={quote('priority:MEDIUM')}"
    assert len(behind(query).json["tickets"]) == 2
    key = {"PK": {"S": f"TENANT#acme#TICKET#{tickets[2].id}"}, "SK": {"S": "TICKET"}}
    dynamodb.delete_item(TableName="tickets", Key=key)
    key["PK"] = {"S": f"TENANT#acme#TICKET#{tickets[1].id}"}
    dynamodb.update_item(
        TableName="tickets",
        Key=key,
        UpdateExpression="SET priority = :low",
        ExpressionAttributeValues={":low": {"S": "LOW"}},
    )
    assert behind(query).json["tickets"] == []


def test_another_calendar_is_computed_again_and_said(index: list[str]) -> None:
    put_calendars(DESK.model_copy(update={"name": "Another name", "version": 2}))
    assert not report("volume").json["recomputing"]
    put_calendars(DESK.model_copy(update={"holidays": [Holiday(date="01-26", name="Day off")]}))
    assert report("volume").json["recomputing"]
    assert [reason.partition(" ")[0] for reason in index] == ["calendar"]


@pytest.mark.parametrize("caller", [REPORTER])
def test_a_reporter_has_no_reports(caller: Caller) -> None:
    assert report("volume", caller=caller).error == (403, "forbidden")
    assert behind("report=volume&figure=created", caller=caller).error == (403, "forbidden")


def test_an_unknown_report_is_not_found() -> None:
    assert report("profits").error == (404, "report_not_found")


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("from=2026-02-01&to=2026-01-31", "from: is after to"),
        ("from=2016-01-01&to=2025-12-31", "interval: a period has at most 400 parts, and this one 3653"),
        (
            "from=2026-01-01&to=2026-02-20&by=tag,type",
            "interval: a period that is grouped by two things has at most 50",
        ),
        ("from=0001-01-01&to=0001-01-02&compare=previous", "from: a period is between"),
        ("to=0001-01-02", "from: a period is between"),
        ("from=1767225600", "from: must be a date"),
        ("from=2026-02-30", "from: must be a date"),
        ("zone=Europe/Atlantis", "zone: must be a time zone"),
        ("zone=Asia/Tokyo", "zone: is the tenant's, Europe/Berlin, or UTC"),
        ("by=colour", "by.0: must be one of"),
        ("by=tag,tag", "by: names the same twice"),
        ("by=tag,status,type", "by: "),
        (f"by={','.join(f'tag{number}' for number in range(10_000))}", "by"),
        ("q=colour:red", "q: 0-6: unknown field"),
        ("interval=hour", "interval: must be one of"),
        ("clock=sun", "clock: must be one of"),
        ("compare=next", "compare: "),
        ("format=csv", "format: unknown"),
    ],
)
def test_a_wrong_question_is_told(query: str, detail: str) -> None:
    answer = report("volume", query)
    assert answer.error == (400, "bad_request")
    assert any(each.startswith(detail) for each in answer.json["details"]), answer.json["details"]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("report=volume", "figure: "),
        ("report=profits&figure=created", "report: must be one of"),
        ("report=volume&figure=open", "figure: this report has created, resolved, closed, reopened"),
        (f"report=volume&figure=created&{WEEK}&part=7", "part: this period has the parts 0 to 6"),
        ("report=volume&figure=created&part=-1", "part: must be a whole number"),
        ("report=age&figure=open&part=0", "part: this report has no parts of the period"),
        ("report=volume&figure=created&group=colour%3Dred", "group: is the key of a group of the report"),
        ("report=volume&figure=created&group=tag.most%3D", "group: is the key of a group of the report"),
        ("report=volume&figure=created&group=nothing", "group: is the key of a group of the report"),
        (f"report=volume&figure=created&group=agent%3D{AGENT_ID}", "group: this report has no such groups"),
        (f"report=workload&figure=open&group=tag%3D{AGENT_ID}", "group: this report has no such groups"),
        ("report=volume&figure=created&cursor=abc", "cursor: "),
    ],
)
def test_a_number_that_is_not_there_is_told(query: str, detail: str) -> None:
    answer = behind(query)
    assert answer.error == (400, "bad_request")
    assert any(each.startswith(detail) for each in answer.json["details"]), answer.json["details"]


def test_a_report_as_a_sheet_has_numbers_and_names() -> None:
    rows = rows_of(report("volume", f"{WEEK}&by=assignee&interval=week&compare=previous", accept="text/csv"))
    assert rows[1] == {
        "period": "current",
        "part": "total",
        "from": "2026-01-26",
        "to": "2026-02-01",
        "assignee": "(all)",
        "assignee.name": "",
        "created": "2",
        "resolved": "2",
        "closed": "0",
        "reopened": "1",
    }
    assert [(row["part"], row["assignee"], row["assignee.name"]) for row in rows[2:4]] == [
        ("0", AGENT_ID, "Anna"),
        ("total", AGENT_ID, "Anna"),
    ]
    assert {row["period"] for row in rows} == {"current", "previous"}
    medians = {row["response.median"] for row in rows_of(report("responsiveness", WEEK, accept="text/csv"))}
    assert medians == {"45", ""}  # where nothing is, nothing is said


def test_formulas_in_a_sheet_are_texts() -> None:
    rows = rows_of(behind("report=volume&figure=created", accept="text/csv, */*;q=0.1"))
    assert [row["title"] for row in rows] == ["Nobody's", "'-1 printer", f"'{FORMULA}"]
    assert (rows[2]["tags"], rows[2]["number"], rows[2]["untilResponse"]) == ("vpn, Büro, 1. Stock", "1", "45")
    assert (rows[2]["respondedAt"], rows[2]["assignedTo.name"]) == ("2026-01-26 09:15:00", "Anna")
    assert rows[0]["assignedTo"] == ""


@pytest.mark.parametrize("accept", ["*/*", "application/json, text/csv", "text/csv;q=0", "text/*"])
def test_who_does_not_ask_for_a_sheet_gets_json(accept: str) -> None:
    assert report("volume", accept=accept).json["report"] == "volume"
