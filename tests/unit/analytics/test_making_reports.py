"""What handlers call: questions that are wrong, indexes that are missing or damaged, the period before."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bench.lives import Happening, lived
from tests.unit.search.support import FolderStore, a_document
from ticketing.analytics.errors import ReportsUnavailableError
from ticketing.analytics.models import Ask, Cell, ReportName
from ticketing.analytics.operations import Reporting
from ticketing.errors import BadRequestError
from ticketing.search.embedded import Embedded
from ticketing.search.errors import SearchUnavailableError
from ticketing.search.facts import Calendar, milliseconds
from ticketing.search.language import Query
from ticketing.search.port import Build, Changes

CALENDAR = Calendar.always(ZoneInfo("Europe/Berlin"))
AS_OF = "2026-03-11T10:00:00.000Z"
ASK = Ask(
    ReportName.VOLUME, date(2026, 3, 9), date(2026, 3, 10), CALENDAR.zone, datetime(2026, 3, 11, tzinfo=UTC), Query(())
)


class Rebuilds(list[str]):
    """The reasons for which an index was ordered."""

    def __call__(self, reason: str) -> None:
        self.append(reason)


@pytest.fixture
def rebuilds() -> Rebuilds:
    return Rebuilds()


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


@pytest.fixture
def index(store: FolderStore) -> Embedded:
    """An index of two tickets, of 8 and 9 March."""
    index = Embedded(store)  # type: ignore[arg-type]
    times = [milliseconds(f"2026-03-0{day}T12:00:00.000Z") for day in (8, 9)]
    documents = [
        lived(a_document(number, tags=("vpn",)), [Happening(at, "rita", {"status": (None, "NEW")})], CALENDAR)
        for number, at in enumerate(times)
    ]
    build = Build(AS_OF, {"page": 0})
    index.begin(build)
    index.extend(lambda: Changes(documents, (), AS_OF, CALENDAR.version), build, {"page": 0})
    index.finish(build)
    return index


def test_the_period_before_is_beside_it(index: Embedded, rebuilds: Rebuilds) -> None:
    now, before = Reporting(index, CALENDAR, rebuilds).make(ASK, compare=True)
    assert before is not None
    assert [report.groups[0].series["created"] for report in (before, now)] == [[0, 1], [1, 0]]
    assert [report.starts[0] for report in (before, now)] == [date(2026, 3, 7), date(2026, 3, 9)]
    assert rebuilds == []


def test_pages_of_tickets_go_on_where_the_one_before_ended(index: Embedded, rebuilds: Rebuilds) -> None:
    ask = replace(ASK, first=date(2026, 3, 1))
    first = Reporting(index, CALENDAR, rebuilds).tickets_behind(ask, Cell("created"), limit=1, after=None)
    second = Reporting(index, CALENDAR, rebuilds).tickets_behind(ask, Cell("created"), limit=1, after=first.after)
    assert [row.ticket_id for row in (*first.rows, *second.rows)] == [a_document(number).ticket_id for number in (1, 0)]
    assert second.after is None


def test_facts_of_another_calendar_are_ordered_anew(index: Embedded, rebuilds: Rebuilds) -> None:
    calendar = replace(CALENDAR, version="v2")
    report, _ = Reporting(index, calendar, rebuilds).make(ASK)
    assert report.recomputing
    assert rebuilds == ["calendar v2"]


def test_without_an_index_nothing_is_counted_and_one_is_built(store: FolderStore, rebuilds: Rebuilds) -> None:
    report, _ = Reporting(Embedded(store), CALENDAR, rebuilds).make(ASK)  # type: ignore[arg-type]
    assert (report.complete, report.as_of, report.groups[0].totals["created"]) == (False, None, 0)
    rows = Reporting(Embedded(store), CALENDAR, rebuilds).tickets_behind(ASK, Cell("created"), limit=9, after=None)  # type: ignore[arg-type]
    assert (rows.rows, rows.after) == ([], None)
    assert rebuilds == ["missing", "missing"]


def test_a_damaged_index_is_built_anew(index: Embedded, store: FolderStore, rebuilds: Rebuilds) -> None:
    for folder in store.folders.values():
        shutil.rmtree(folder)
    store.folders.clear()
    with pytest.raises(SearchUnavailableError):
        Reporting(index, CALENDAR, rebuilds).make(ASK)
    assert rebuilds == ["damaged"]


def test_opensearch_has_no_facts(rebuilds: Rebuilds) -> None:
    with pytest.raises(ReportsUnavailableError):
        Reporting(None, CALENDAR, rebuilds).make(ASK)


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        ({"zone": ZoneInfo("Asia/Tokyo")}, "zone: is the tenant's, Europe/Berlin, or UTC"),
        ({"first": date(2026, 4, 1)}, "from: is after to"),
    ],
)
def test_a_wrong_question_is_a_bad_request(
    wrong: dict[str, Any], detail: str, index: Embedded, rebuilds: Rebuilds
) -> None:
    with pytest.raises(BadRequestError) as error:
        Reporting(index, CALENDAR, rebuilds).make(replace(ASK, **wrong))
    assert error.value.details == [detail]


@pytest.mark.parametrize("cell", [Cell("lost"), Cell("created", 2), Cell("created", -1)])
def test_a_number_that_is_not_there_is_a_bad_request(cell: Cell, index: Embedded, rebuilds: Rebuilds) -> None:
    with pytest.raises(BadRequestError):
        Reporting(index, CALENDAR, rebuilds).tickets_behind(ASK, cell, limit=1, after=None)
