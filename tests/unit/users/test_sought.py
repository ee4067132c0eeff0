"""People by what somebody types: any word of the name without accents, the beginning of the address, page by page."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.users import list_users
from tests.unit.support import ADMIN, ADMIN_ID, AGENT, AGENT_ID, OTHER_ID, REPORTER, Answer, api_event, send
from tests.unit.users.conftest import World
from ticketing.access.roles import Role
from ticketing.errors import ServiceUnavailableError
from ticketing.ids import derived_id
from ticketing.text import folded
from ticketing.users import repository
from ticketing.users.repository import UserFilter
from ticketing.users.rows import user_item
from ticketing.users.sought import Sought
from ticketing.users.states import Kind

PEOPLE = {
    "Joanna Müller": "jm@acme.example",
    "Jörg O'Neil-Smith": "o.neil@acme.example",
    "山田 太郎": "yamada@acme.example",
    "Łukasz Żółć": "lz@acme.example",
    "Weiß": "x+weiss@acme.example",
}


def meant(q: str) -> set[str]:
    return {name for name, address in PEOPLE.items() if Sought.of(q).matches(folded(name), folded(address))}


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("joanna", {"Joanna Müller"}),
        ("MULLER", {"Joanna Müller"}),
        ("müll jo", {"Joanna Müller"}),
        ("jo", {"Joanna Müller", "Jörg O'Neil-Smith"}),
        ("oanna", set()),
        ("jo smi", {"Jörg O'Neil-Smith"}),
        ("o'neil", {"Jörg O'Neil-Smith"}),
        ("joanna smith", set()),
        ("太郎", {"山田 太郎"}),
        ("郎", {"山田 太郎"}),
        ("zolc lukasz", {"Łukasz Żółć"}),
        ("weiss", {"Weiß"}),
        ("O.N", {"Jörg O'Neil-Smith"}),
        ("o.neil@ACME.example", {"Jörg O'Neil-Smith"}),
        ("@acme", set()),
        ("x+w", {"Weiß"}),
        ("!", set()),
        ("ya", {"山田 太郎"}),
    ],
)
def test_who_is_meant(q: str, found: set[str]) -> None:
    assert meant(q) == found


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_name_is_found_by_itself_and_any_typing_is_answered(name: str, typed: str) -> None:
    sought = Sought.of(name)
    assert sought.matches(folded(name), "nobody") == bool(sought.words) or "nobody".startswith(sought.address)
    Sought.of(typed).matches(folded(name), folded(name))


# --- the list --------------------------------------------------------------------------------------------------------


def crowd(world: World) -> list[str]:
    """Write thirty people and return their names, as a list of all has them."""
    some = random.Random(1)  # noqa: S311 - a choice of tests
    firsts, lasts = ("Anna", "Änne", "Bo", "Jo"), ("Müller", "Muster", "Olsen", "Smith")
    for number in range(30):
        world.row(derived_id(str(number)), f"{some.choice(firsts)} {some.choice(lasts)}", some.choice([*Role][:2]))
    return names(world, UserFilter())


def names(world: World, wanted: UserFilter, limit: int = 100) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = world.users.list(wanted, limit=limit, cursor=cursor)
        assert len(page.items) <= limit
        found += [user.name for user in page.items]
        cursor = page.cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("q", ["an", "mu", "an mu", "jo olsen", "nobody", "anna.m", "ä"])
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_a_list_is_who_is_meant_of_all(world: World, q: str, limit: int) -> None:
    everybody = crowd(world)
    sought = Sought.of(q)
    expected = [
        name for name in everybody if sought.matches(folded(name), f"{folded(name).replace(' ', '.')}@acme.example")
    ]
    assert names(world, UserFilter(sought=sought), limit) == expected


def test_it_goes_with_the_other_filters(staff: World) -> None:
    staff.row(OTHER_ID, "Bernd Ben", Role.AGENT, active=False)
    staff.row(derived_id("key"), "Ben", kind=Kind.API_KEY, email=None)
    assert names(staff, UserFilter(sought=Sought.of("ben"))) == ["Ben", "Bernd Ben"]
    assert names(staff, UserFilter(sought=Sought.of("ben"), active=False), 1) == ["Bernd Ben"]
    assert names(staff, UserFilter(sought=Sought.of("ben"), role=Role.ADMIN)) == []
    assert names(staff, UserFilter(sought=Sought.of("ben"), name="bern")) == ["Bernd Ben"]
    assert names(staff, UserFilter(sought=Sought.of("ben"), email="be"), 1) == ["Ben", "Bernd Ben"]


def test_many_people_are_read_a_megabyte_at_a_time_and_a_page_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "_SEARCHED_PAGES", 2)
    everybody = crowd(world)
    queries: list[Any] = []
    events = world.dynamodb.meta.events
    # Ten rows at a time take the place of 1 MB.
    events.register("provide-client-params.dynamodb.Query", lambda params, **_: params | {"Limit": 10})
    events.register("before-call.dynamodb.Query", lambda **_: queries.append(0))
    wanted = UserFilter(sought=Sought.of(everybody[-1].split()[0]))
    first = world.users.list(wanted, limit=100, cursor=None)
    assert len(queries) == 2
    assert first.cursor is not None
    assert names(world, wanted) == [name for name in everybody if name.startswith(everybody[-1].split()[0])]


def test_a_row_that_is_gone_or_can_not_be_read_is_left_out(staff: World) -> None:
    staff.put(user_item(staff.row(AGENT_ID, "Ben Damaged")) | {"version": "x"})
    staff.row(OTHER_ID, "Ben Whole", Role.AGENT)
    assert names(staff, UserFilter(sought=Sought.of("ben"))) == ["Ben Whole"]


def test_throttled_reads_are_retried_and_then_503(staff: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("ticketing.dynamodb.tables.time.sleep", pauses.append)
    left = {"Responses": {}, "UnprocessedKeys": {"users": {"Keys": [{"PK": {"S": "x"}, "SK": {"S": "USER"}}]}}}
    monkeypatch.setattr(staff.dynamodb, "batch_get_item", lambda **_: left)
    with pytest.raises(ServiceUnavailableError):
        staff.users.list(UserFilter(sought=Sought.of("ben")), limit=9, cursor=None)
    assert pauses


def listed(query: str, caller: Any = AGENT) -> Answer:
    return send(list_users.handler, api_event("GET", f"/v1/users{query}", caller=caller))


def test_the_operation(staff: World) -> None:
    staff.row(OTHER_ID, "Ángel Benítez", Role.AGENT)
    assert [user["name"] for user in listed("?q=BENI").json] == ["Ángel Benítez"]
    first = listed("?q=ben&limit=1")
    assert [user["name"] for user in first.json] == ["Ben"]
    following = first.headers["Link"].removeprefix("<").partition(">")[0].partition("?")[2]
    assert [user["name"] for user in listed(f"?{following}").json] == ["Ángel Benítez"]
    assert listed(f"?{following.replace('q=ben', 'q=be')}").error == (400, "bad_request")
    assert listed("?q=ben", REPORTER).error == (403, "forbidden")
    assert [user["id"] for user in listed("?q=ada", ADMIN).json] == [ADMIN_ID]


@pytest.mark.parametrize("q", ["", "%20", "%E2%80%8B", "x%00", "x" * 255, "a&q=b"])
def test_what_it_does_not_take(q: str) -> None:
    assert listed(f"?q={q}").error == (400, "bad_request")
