"""What the document promises of the operations on calendars: every answer that one can provoke."""

from typing import Any
from uuid import uuid4

from tests.contract.attempts import SOMEBODY, Attempt, Valid, World
from ticketing.calendars.models import MOST_CALENDARS

MONDAYS = {"monday": [{"from": "09:00", "to": "12:30"}, {"from": "13:00", "to": "17:00"}]}
HOLIDAYS = [{"date": "12-25", "name": "Christmas Day"}, {"date": "2028-02-29", "name": "Leap Day"}]
OVERLAPPING = {"monday": [{"from": "22:00", "to": "06:00"}], "tuesday": [{"from": "05:00", "to": "09:00"}]}
LARGE = [{"date": f"20{number}-01-01", "name": "\N{GRINNING FACE}" * 100} for number in range(10, 60)]


def a_body(_: World) -> dict[str, Any]:
    """A calendar with a name of its own."""
    return {"name": str(uuid4()), "timeZone": "Europe/Berlin", "hours": MONDAYS, "holidays": HOLIDAYS}


def calendars(world: World) -> str:
    """Make room for another calendar, and let none be the default."""
    for calendar in world.own.admin.get("/v1/calendars").json():
        place = f"/v1/calendars/{calendar['id']}"
        world.own.admin.patch(place, json={"default": False})
        world.own.admin.delete(place)
    return "/v1/calendars"


def a_calendar(world: World) -> str:
    return str(world.own.admin.post(calendars(world), json=a_body(world)).headers["Location"])


def the_default(world: World) -> str:
    return str(world.own.admin.post(calendars(world), json=a_body(world) | {"default": True}).headers["Location"])


def places_with_the_name(world: World) -> str:
    world.own.admin.post(calendars(world), json=a_body(world) | {"name": "Desk"})
    return "/v1/calendars"


def a_calendar_beside_one_with_the_name(world: World) -> str:
    place = a_calendar(world)
    world.own.admin.post("/v1/calendars", json=a_body(world) | {"name": "Desk"})
    return place


def many_calendars(world: World) -> str:
    for _ in range(MOST_CALENDARS):
        world.crowded.admin.post("/v1/calendars", json=a_body(world))
    return "/v1/calendars"


def no_calendar(_: World) -> str:
    return f"/v1/calendars/{SOMEBODY}"


VALID = {
    "createCalendar": Valid("POST", calendars, a_body, "owner", status=201),
    "listCalendars": Valid("GET", calendars, by="owner"),
    "getCalendar": Valid("GET", a_calendar, by="owner"),
    "updateCalendar": Valid("PATCH", a_calendar, {"default": True, "hours": MONDAYS, "holidays": []}, "owner"),
    "deleteCalendar": Valid("DELETE", a_calendar, by="owner", status=204),
}

WRITES = ("createCalendar", "updateCalendar", "deleteCalendar")
ATTEMPTS = [
    *(Attempt(name, 403, by="newcomer") for name in VALID),
    *(Attempt(name, 403, by="member") for name in VALID),
    *(Attempt(name, 403, by="colleague") for name in WRITES),
    *(Attempt(name, 404, given=no_calendar, code="calendar_not_found") for name in ("getCalendar", *WRITES[1:])),
    Attempt("createCalendar", 201, body={"name": "Without a time zone", "hours": MONDAYS}),
    Attempt("createCalendar", 400, body={"name": "Overlapping", "hours": OVERLAPPING}),
    Attempt("createCalendar", 400, body={"name": "Closed", "hours": {"monday": []}}),
    Attempt("createCalendar", 404, by="ghost", code="tenant_not_found"),
    Attempt(
        "createCalendar",
        409,
        None,
        places_with_the_name,
        {"name": "DESK", "hours": MONDAYS},
        code="calendar_name_taken",
    ),
    Attempt("createCalendar", 409, "crowd", many_calendars, code="too_many_calendars"),
    Attempt("createCalendar", 413, body={"name": "Large", "hours": MONDAYS, "holidays": LARGE}),
    Attempt("listCalendars", 200, by="colleague"),
    Attempt("listCalendars", 400, query="?limit=1"),
    Attempt("getCalendar", 200, by="colleague"),
    Attempt("getCalendar", 304, headers={"If-None-Match": "*"}),
    Attempt("updateCalendar", 400, body={"hours": OVERLAPPING}),
    Attempt(
        "updateCalendar", 409, None, a_calendar_beside_one_with_the_name, {"name": " desk "}, code="calendar_name_taken"
    ),
    Attempt("updateCalendar", 413, body={"holidays": LARGE}),
    Attempt("deleteCalendar", 409, given=the_default, code="calendar_is_default"),
]

NOT_ON_DEMAND: dict[tuple[str, int], str] = {}
