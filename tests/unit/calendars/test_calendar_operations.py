"""The operations on calendars, from API Gateway's event to the search table on moto and back."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.calendars.conftest import BODY, MONDAYS, Calendars
from tests.unit.support import ADMIN, ADMIN_ID, AGENT, MOMENT_TEXT, REPORTER, STRANGER, cancelled, data_of
from ticketing.aws import clients
from ticketing.calendars.models import MOST_BYTES, MOST_CALENDARS, MOST_HOLIDAYS, MOST_INTERVALS, Calendar, CalendarSet
from ticketing.calendars.repository import CalendarRepository
from ticketing.calendars.rules import business_time, with_calendar
from ticketing.dynamodb.attributes import to_item
from ticketing.dynamodb.transactions import VersionConflictError

UNKNOWN = "019c1f0e-7a3b-7c41-9d2e-5f60718293a5"
CLOSED: dict[str, list[Any]] = {
    day: [] for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
}
EMPTY = ": at least one day needs an interval"
MIDNIGHT = "24:00 is written 00:00, which as the end of an interval is the end of the day"
SAME = "from and to are the same; the whole day is from 00:00 to 00:00"

pytestmark = pytest.mark.usefixtures("time")


def interval(start: str, end: str) -> dict[str, str]:
    return {"from": start, "to": end}


# --- Creating and reading


def test_a_new_calendar(calendars: Calendars) -> None:
    holidays = [{"date": "2026-12-24", "name": "Party"}, {"date": "02-29", "name": " Leap Day "}]
    answer = calendars.create(holidays=holidays, default=True)
    assert answer.status == 201
    assert answer.json == {
        "id": answer.json["id"],
        "name": "Desk",
        "timeZone": "Europe/Berlin",
        "hours": CLOSED | MONDAYS,
        "holidays": [{"date": "2026-12-24", "name": "Party"}, {"date": "02-29", "name": "Leap Day"}],
        "default": True,
        "version": 1,
        "createdAt": MOMENT_TEXT,
        "updatedAt": MOMENT_TEXT,
    }
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["Location"] == f"/v1/calendars/{answer.json['id']}"
    assert calendars.read(answer.json["id"]).json == answer.json
    assert calendars.all().json == [answer.json]
    assert calendars.read(answer.json["id"], headers={"If-None-Match": '"1"'}).status == 304


def test_what_need_not_be_said(calendars: Calendars) -> None:
    calendars.tenant("acme", timeZone="Asia/Kathmandu")
    calendar = calendars.create(timeZone=None).json
    assert (calendar["timeZone"], calendar["holidays"], calendar["default"]) == ("Asia/Kathmandu", [], False)
    calendars.tenant("acme")
    assert calendars.create(name="Another", timeZone=None).json["timeZone"] == "UTC"
    assert calendars.read(calendar["id"]).json["timeZone"] == "Asia/Kathmandu"  # whatever the tenant has since


def test_intervals_are_answered_in_order_and_may_touch(calendars: Calendars) -> None:
    night, morning, evening = interval("17:00", "06:00"), interval("06:00", "09:00"), interval("09:00", "17:00")
    hours = {"sunday": [night, evening], "monday": [evening, morning]}
    assert calendars.create(hours=hours).json["hours"] == CLOSED | {
        "sunday": [evening, night],
        "monday": [morning, evening],
    }


def test_what_the_hours_of_a_calendar_are(calendars: Calendars, dynamodb: DynamoDBClient) -> None:
    hours = {"friday": [interval("22:00", "06:00")], "sunday": [interval("00:00", "00:00")]}
    calendars.made(hours=hours, default=True, holidays=[{"date": "03-29", "name": "Switch"}])
    default = CalendarRepository(data_of(dynamodb, "acme")).read().default
    start = datetime(2026, 3, 18, 23, tzinfo=UTC)  # a Thursday in Berlin
    times = [business_time(default).between(start, start + timedelta(days=days)) for days in (1, 2, 4, 11)]
    assert times == [timedelta(hours=hours) for hours in (0, 2, 32, 40)]
    assert CalendarRepository(data_of(dynamodb, "globex")).read().default is None
    assert business_time(None).between(start, start + timedelta(days=1)) == timedelta(days=1)


# --- Bad input


@pytest.mark.parametrize(
    ("hours", "problem"),
    [
        ({}, EMPTY),
        ({"monday": [], "tuesday": []}, EMPTY),
        ({"montag": []}, ".montag: unknown field"),
        ({"monday": [interval("09:00", "24:00")]}, f".monday.0.to: {MIDNIGHT}"),
        ({"monday": [interval("24:00", "09:00")]}, f".monday.0.from: {MIDNIGHT}"),
        ({"monday": [interval("9:00", "17:00")]}, ".monday.0.from: must be a time from 00:00 to 23:59, such as 09:30"),
        ({"monday": [interval("09:00", "09:00")]}, f".monday.0: {SAME}"),
        (
            {"monday": [interval("09:00", "12:00"), interval("11:59", "13:00")]},
            ": intervals overlap: monday 09:00 to 12:00 and monday 11:59 to 13:00",
        ),
        (
            {"monday": [interval("09:00", "17:00"), interval("10:00", "11:00"), interval("12:00", "13:00")]},
            ": intervals overlap: monday 09:00 to 17:00 and monday 10:00 to 11:00",
        ),
        (
            {"monday": [interval("09:00", "12:00"), interval("09:00", "12:00")]},
            ": intervals overlap: monday 09:00 to 12:00 and monday 09:00 to 12:00",
        ),
        (
            {"monday": [interval("22:00", "06:00")], "tuesday": [interval("05:00", "09:00")]},
            ": intervals overlap: monday 22:00 to 06:00 and tuesday 05:00 to 09:00",
        ),
        (
            {"sunday": [interval("22:00", "06:00")], "monday": [interval("05:59", "09:00")]},
            ": intervals overlap: sunday 22:00 to 06:00 and monday 05:59 to 09:00",
        ),
        (
            {"monday": [interval("00:00", "00:00"), interval("23:00", "02:00")]},
            ": intervals overlap: monday 00:00 to 00:00 and monday 23:00 to 02:00",
        ),
        (
            {"monday": [interval(f"{hour:02}:00", f"{hour:02}:30") for hour in range(MOST_INTERVALS + 1)]},
            ".monday: List should have at most 10 items after validation, not 11",
        ),
    ],
)
def test_hours_that_are_refused(calendars: Calendars, hours: Any, problem: str) -> None:
    answer = calendars.create(hours=hours)
    assert (answer.error, answer.details) == ((400, "bad_request"), [f"hours{problem}"])
    calendar = calendars.made()
    assert calendars.update(calendar, {"hours": hours}).details == [f"hours{problem}"]
    assert calendars.read(calendar).json["hours"] == CLOSED | MONDAYS


@pytest.mark.parametrize(
    ("dates", "problem"),
    [
        (["2026-02-30"], "holidays.0.date: there is no such day"),
        (["12-24", "02-30"], "holidays.1.date: there is no such day"),
        (["2026-02-29"], "holidays.0.date: there is no such day"),
        (["0000-01-01"], "holidays.0.date: there is no such day"),
        (["24.12."], "holidays.0.date: must be a date, such as 2026-12-24, or 12-24 for that day of every year"),
        (["20261224"], "holidays.0.date: must be a date, such as 2026-12-24, or 12-24 for that day of every year"),
        (["12-24", "2026-12-24", "12-24"], "holidays: there is more than one holiday on 12-24"),
        (
            [f"{2000 + number // 28}-02-{number % 28 + 1:02}" for number in range(MOST_HOLIDAYS + 1)],
            "holidays: List should have at most 200 items after validation, not 201",
        ),
    ],
)
def test_holidays_that_are_refused(calendars: Calendars, dates: list[str], problem: str) -> None:
    answer = calendars.create(holidays=[{"date": date, "name": "Holiday"} for date in dates])
    assert (answer.error, answer.details) == ((400, "bad_request"), [problem])
    assert calendars.items() == {}


@pytest.mark.parametrize(
    ("values", "where"),
    [
        *(({"timeZone": zone}, "timeZone") for zone in ("Europe/Atlantis", "", "europe/berlin", "+02:00", 1)),
        *(({"name": name}, "name") for name in ("", " ", "x" * 101, "\u200b", "a\0", 7)),
        *(({"default": default}, "default") for default in ("true", 1)),
        ({"holidays": [{"date": "12-24"}]}, "holidays.0.name"),
        ({"hours": [MONDAYS]}, "hours"),
        ({"tenantId": "globex"}, "tenantId"),
    ],
)
def test_other_fields_that_are_refused(calendars: Calendars, values: dict[str, Any], where: str) -> None:
    answer = calendars.create(**values)
    assert answer.error == (400, "bad_request")
    assert {detail.partition(":")[0] for detail in answer.details} == {where}
    calendar = calendars.made()
    assert calendars.update(calendar, values).error == (400, "bad_request")
    assert calendars.update(calendar, {}).details == ["body: at least one field is needed"]


def test_a_calendar_that_is_too_large(calendars: Calendars) -> None:
    """Counted in bytes: as many as a tenant may have fit into one item of DynamoDB, which has 400 KB at most."""
    assert MOST_CALENDARS * MOST_BYTES < 400 * 1000
    holidays = [{"date": f"{2000 + number}-01-01", "name": "\N{GRINNING FACE}" * 100} for number in range(40)]
    assert calendars.create(holidays=holidays).error == (413, "payload_too_large")
    calendar = calendars.made(holidays=holidays[:30])
    assert calendars.update(calendar, {"holidays": holidays}).error == (413, "payload_too_large")
    assert len(calendars.read(calendar).json["holidays"]) == 30


def test_as_many_large_ones_as_may_be_fit_into_their_item(calendars: Calendars, dynamodb: DynamoDBClient) -> None:
    """By DynamoDB's arithmetic: texts in UTF-8, three bytes for a list or map, one for each of its elements."""

    def size(attribute: Any) -> int:
        ((kind, value),) = attribute.items()
        if kind == "M":
            return 3 + sum(len(name.encode()) + size(each) + 1 for name, each in value.items())
        if kind == "L":
            return 3 + sum(size(each) + 1 for each in value)
        return len(value.encode()) if kind == "S" else 21

    hours = {day: [interval(f"{2 * hour:02}:00", f"{2 * hour:02}:30") for hour in range(10)] for day in CLOSED}
    holidays = [{"date": f"{2000 + number}-01-01", "name": "x" * 40} for number in range(190)]
    calendars.made(hours=hours, holidays=holidays)
    (calendar,) = CalendarRepository(data_of(dynamodb, "acme")).read().calendars
    as_json = len(calendar.model_dump_json(by_alias=True))
    assert MOST_BYTES - 2000 < as_json < MOST_BYTES
    assert size({"M": to_item(calendar.model_dump(mode="json", by_alias=True))}) < as_json


def test_a_name_that_is_taken(calendars: Calendars) -> None:
    calendars.made(name="Desk")
    assert calendars.create(name=" DESK ").error == (409, "calendar_name_taken")
    other = calendars.made(name="Other")
    assert calendars.update(other, {"name": "desk"}).error == (409, "calendar_name_taken")
    assert calendars.update(other, {"name": "OTHER"}).json["name"] == "OTHER"
    assert calendars.made(STRANGER, name="Desk")


def test_there_are_no_more_than_the_maximum(calendars: Calendars, dynamodb: DynamoDBClient) -> None:
    first = calendars.made(name="0")
    repository = CalendarRepository(data_of(dynamodb, "acme"))
    before = repository.read()
    others = [{"id": str(UUID(int=number)), "name": f"{number}"} for number in range(1, MOST_CALENDARS)]
    repository.write(before, [*before.calendars, *(before.calendars[0].model_copy(update=other) for other in others)])
    assert calendars.create().error == (409, "too_many_calendars")
    assert calendars.update(first, {"name": "Another"}).status == 200
    assert calendars.delete(first).status == 204
    assert calendars.create().status == 201
    assert len(calendars.all().json) == MOST_CALENDARS


# --- The default


def test_there_is_one_default_at_most(calendars: Calendars) -> None:
    first, second = calendars.made(default=True), calendars.made(name="Second")
    assert calendars.update(second, {"default": True}).json["default"] is True
    before = calendars.read(first)
    assert (before.json["default"], before.json["version"]) == (False, 2)  # its ETag is another one
    third = calendars.made(name="Third", default=True)
    assert [calendar["id"] for calendar in calendars.all().json if calendar["default"]] == [third]
    assert calendars.update(third, {"default": False}).json["default"] is False
    assert not any(calendar["default"] for calendar in calendars.all().json)


def test_the_default_is_not_deleted(calendars: Calendars) -> None:
    calendar = calendars.made(default=True)
    assert calendars.delete(calendar).error == (409, "calendar_is_default")
    calendars.update(calendar, {"default": False})
    assert calendars.delete(calendar).status == 204
    assert calendars.all().json == []


# --- Changing and deleting


def test_a_change(calendars: Calendars) -> None:
    calendar = calendars.made()
    holidays = [{"date": "12-24", "name": "Party"}]
    answer = calendars.update(calendar, {"timeZone": "UTC", "holidays": holidays}, headers={"If-Match": '"1"'})
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
    assert answer.json == calendars.read(calendar).json
    assert (answer.json["timeZone"], answer.json["holidays"], answer.json["name"]) == ("UTC", holidays, "Desk")
    assert calendars.update(calendar, {"name": "x"}, headers={"If-Match": '"1"'}).error == (412, "precondition_failed")
    assert calendars.delete(calendar, headers={"If-Match": '"1"'}).error == (412, "precondition_failed")
    assert calendars.delete(calendar, headers={"If-Match": '"2"'}).status == 204


def test_equal_values_are_no_change(calendars: Calendars) -> None:
    calendar = calendars.made()
    told = len(calendars.audited())
    assert calendars.update(calendar, BODY | {"hours": CLOSED | MONDAYS, "holidays": []}).json["version"] == 1
    assert len(calendars.audited()) == told


def test_what_is_not_there_or_another_tenants(calendars: Calendars) -> None:
    theirs = calendars.made(STRANGER)
    gone = calendars.made()
    calendars.delete(gone)
    for calendar in (theirs, gone, UNKNOWN, "desk"):
        for answer in (
            calendars.read(calendar),
            calendars.update(calendar, {"name": "x"}),
            calendars.delete(calendar),
        ):
            assert answer.error == (404, "calendar_not_found")
    assert calendars.all().json == []
    assert calendars.read(theirs, STRANGER).json["name"] == "Desk"


def test_who_may(calendars: Calendars) -> None:
    calendar = calendars.made()
    for answer in (calendars.all(REPORTER), calendars.read(calendar, REPORTER)):
        assert answer.error == (403, "forbidden")
    for caller in (AGENT, REPORTER):
        assert calendars.create(caller).error == (403, "forbidden")
        assert calendars.update(calendar, {"name": "x"}, caller).error == (403, "forbidden")
        assert calendars.delete(calendar, caller).error == (403, "forbidden")


def test_the_audit_trail_tells_changes(calendars: Calendars) -> None:
    calendar = calendars.made(default=True)
    calendars.update(calendar, {"name": "Office", "default": False})
    calendars.delete(calendar)
    created, updated, deleted = calendars.audited()
    assert [event["action"] for event in (created, updated, deleted)] == [
        "createCalendar",
        "updateCalendar",
        "deleteCalendar",
    ]
    assert {event["target"]["type"] for event in (created, updated, deleted)} == {"CALENDAR"}
    assert {event["target"]["id"] for event in (created, updated, deleted)} == {calendar}
    assert updated["actor"]["id"] == ADMIN_ID
    assert updated["changes"] == {
        "name": {"from": "Desk", "to": "Office"},
        "default": {"from": True, "to": False},
    }
    assert created["changes"].keys() == {"name", "timeZone", "hours", "holidays", "default"}
    assert deleted["changes"]["hours"] == {"from": CLOSED | MONDAYS}


# --- Races and ends


def test_no_calendar_is_made_in_a_tenant_that_is_being_deleted(calendars: Calendars) -> None:
    calendars.tenant("acme", "DELETING")
    assert calendars.create().error == (404, "tenant_not_found")
    assert calendars.items() == {}


def test_who_writes_on_what_is_old_reads_again(
    calendars: Calendars, dynamodb: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two admins who make the twentieth, the default or the same name at once: the second one sees the first."""
    repository = CalendarRepository(data_of(dynamodb, "acme"))
    stale = repository.read()
    first = calendars.made()
    (calendar,) = repository.read().calendars
    with pytest.raises(VersionConflictError):
        repository.write(stale, [calendar])
    reads = iter([stale, repository.read()])
    with monkeypatch.context() as patch:
        patch.setattr(CalendarRepository, "read", lambda _: next(reads))
        assert calendars.create(name="Second").status == 201
    assert [each["name"] for each in calendars.all().json] == ["Desk", "Second"]
    assert calendars.read(first).json["version"] == 1


def test_a_race_that_is_lost_every_time(calendars: Calendars, monkeypatch: pytest.MonkeyPatch) -> None:
    calendar, client = calendars.made(), clients.dynamodb()

    def lost(**_: Any) -> Any:
        raise cancelled(client, "TransactionConflict", "None")

    monkeypatch.setattr(client, "transact_write_items", lost)
    monkeypatch.setattr("ticketing.dynamodb.transactions.time.sleep", lambda _: None)
    for answer in (calendars.create(name="x"), calendars.update(calendar, {"name": "x"}), calendars.delete(calendar)):
        assert answer.error == (409, "conflict")


def test_rules_do_not_change_what_they_are_given() -> None:
    values = {"id": UNKNOWN, "name": "A", "timeZone": "UTC", "hours": MONDAYS, "holidays": [], "default": True}
    values |= {"version": 1, "createdAt": MOMENT_TEXT, "updatedAt": MOMENT_TEXT}
    old = Calendar.model_validate(values)
    new = old.model_copy(update={"id": ADMIN.user_id, "name": "B"})
    assert CalendarSet(calendars=with_calendar([old], new)).default == new
    assert old.default
