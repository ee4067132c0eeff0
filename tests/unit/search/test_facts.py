"""Facts are a function of a ticket's history, in whatever order and however often its events come."""

from __future__ import annotations

import random
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.lives import Happening, Weekdays, items_of, life, lived
from tests.unit.search.support import a_document
from tests.unit.support import MOMENT_TEXT, TICKET_ID, a_ticket
from ticketing.dynamodb.attributes import to_item
from ticketing.search.documents import document_of
from ticketing.search.facts import Calendar, Facts, Span, Step, day_of, facts_of, milliseconds
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Ticket

type Item = dict[str, Any]

BERLIN = ZoneInfo("Europe/Berlin")
CALENDAR = Calendar(BERLIN, Weekdays(BERLIN), "v1")
START = milliseconds("2026-03-20T10:00:00.000Z")
WEEKS = 8 * 7 * 24 * 3_600_000


def a_life(seed: int) -> list[Happening]:
    return list(life(random.Random(seed), START, START + WEEKS, "rita", ["ada", "ben"]))  # noqa: S311 - made up


def row_of(happenings: list[Happening], **values: Any) -> Ticket:
    now = {field: after for each in happenings for field, (_, after) in each.changes.items()}
    plain = {
        "status": Status(now["status"] or ""),
        "created_at": "2026-03-20T10:00:00.000Z",
        "updated_at": "2026-05-15T10:00:00.000Z",
    }
    return a_ticket(**(plain | {"first_responded_at": now.get("firstRespondedAt")} | values))


def facts(items: list[Item], ticket: Ticket) -> Facts:
    return facts_of(ticket, items, CALENDAR)


lives = st.integers(0, 10**6).map(a_life)


@given(lives, st.randoms())
def test_order_and_repetition_make_no_difference(happenings: list[Happening], chance: random.Random) -> None:
    items, ticket = items_of(happenings), row_of(happenings)
    mixed = [*items, *chance.choices(items, k=3)]
    chance.shuffle(mixed)
    assert facts(mixed, ticket) == facts(items, ticket)


@given(lives)
def test_times_in_statuses_and_days_are_one_story(happenings: list[Happening]) -> None:
    found = facts(items_of(happenings), row_of(happenings))
    moves = [each.at for each in happenings if "status" in each.changes]
    elapsed = sum(span.elapsed for span in found.time_in.values())
    assert 0 <= (moves[-1] - moves[0]) // 60_000 - elapsed <= len(Status)
    assert all(0 <= span.business <= span.elapsed for span in found.time_in.values())
    for steps in (found.steps, found.steps_utc):
        assert steps[0].left is None
        assert [step.left for step in steps[1:]] == [step.entered for step in steps[:-1]]
        assert [step.day for step in steps] == sorted({step.day for step in steps})
        assert steps[-1].entered == row_of(happenings).status


@given(lives, st.integers(0, 100))
def test_without_some_events_the_row_has_the_last_word(happenings: list[Happening], lost: int) -> None:
    items = items_of(happenings)
    items.pop(lost % len(items))
    found = facts(items, row_of(happenings))
    assert found.steps[-1].entered == row_of(happenings).status
    assert found.created_at == START


def test_time_in_the_trash_is_as_if_it_had_not_been() -> None:
    happenings = a_life(1)
    key = {"PK": {"S": f"TENANT#acme#TICKET#{TICKET_ID}"}}
    items = [key | item for item in items_of(happenings)]
    trash = [
        Happening(happenings[-1].at + 1, "ada", {"deletedAt": (None, MOMENT_TEXT)}),
        Happening(happenings[-1].at + 2, "ada", {"deletedAt": (MOMENT_TEXT, None)}),
    ]
    after = [key | item for item in items_of([*happenings, *trash])]

    def document(events: list[Item], **values: Any) -> Any:
        row = row_of(happenings, **values).model_dump(mode="json", by_alias=True)
        return document_of([*events, key | to_item({"SK": "TICKET"} | row)], CALENDAR)

    assert document(after[:-1], deleted_at=MOMENT_TEXT) is None
    assert document(after) == document(items)
    assert document(items).facts is not None


def test_a_day_ends_when_it_does_in_the_zone_of_the_tenant() -> None:
    moves = [("2026-03-28T23:30:00.000Z", "NEW", "OPEN"), ("2026-03-29T21:59:00.000Z", "OPEN", "CLOSED")]
    happenings = [Happening(START, "rita", {"status": (None, "NEW")})]
    happenings += [Happening(milliseconds(at), "ada", {"status": (before, after)}) for at, before, after in moves]
    found = facts(items_of(happenings), row_of(happenings))
    twentieth, sunday = day_of(date(2026, 3, 20)), day_of(date(2026, 3, 29))
    created = Step(twentieth, None, Status.NEW)
    # In Berlin both moves are on the 29th, which has 23 hours, and of which only the end counts.
    assert found.steps == (created, Step(sunday, Status.NEW, Status.CLOSED))
    assert found.steps_utc == (
        created,
        Step(sunday - 1, Status.NEW, Status.OPEN),
        Step(sunday, Status.OPEN, Status.CLOSED),
    )


def test_a_clock_that_is_behind_takes_no_time_back() -> None:
    happenings = [
        Happening(START, "rita", {"status": (None, "OPEN")}),
        Happening(START + 600_000, "ada", {"status": ("OPEN", "RESOLVED")}),
        Happening(START + 540_000, "rita", {"status": ("RESOLVED", "OPEN")}),
        Happening(START - 60_000, "ada", {"firstRespondedAt": (None, "2026-03-20T09:59:00.000Z")}),
    ]
    found = facts(items_of(happenings), row_of(happenings))
    assert found.time_in == {Status.OPEN: Span(10, 10), Status.RESOLVED: Span(0, 0)}
    assert found.until_response == Span(0, 0)


@pytest.mark.parametrize(
    "damage", [{"occurredAt": {"S": "then"}}, {"changes": {"M": {"status": {"M": {"to": {"S": "LOST"}}}}}}]
)
def test_a_damaged_event_is_left_out(damage: Item) -> None:
    happenings = a_life(2)
    items = items_of(happenings)
    items[1] = items[1] | {"PK": {"S": "x"}} | damage
    assert facts(items, row_of(happenings)) == facts([items[0], *items[2:]], row_of(happenings))


def test_a_tenant_in_utc_has_one_kind_of_days() -> None:
    happenings = a_life(3)
    calendar = Calendar.always(ZoneInfo("UTC"))
    assert lived(a_document(), happenings, calendar).facts is not None
    found = facts_of(row_of(happenings), items_of(happenings), calendar)
    assert (found.steps, len(found.steps_utc) > 0) == ((), True)
