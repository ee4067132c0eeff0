"""The example of docs/analytics.md, which was worked out by hand: its tables are read and computed."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bench.lives import Happening, Weekdays, lived
from tests.unit.search.support import a_document
from tests.unit.support import ROOT
from ticketing.analytics.models import Ask, Number, ReportName
from ticketing.analytics.reports import report
from ticketing.search.documents import Document
from ticketing.search.embedded import Snapshot
from ticketing.search.facts import Calendar, Facts, Span
from ticketing.search.language import Query
from ticketing.search.reading import Opened
from ticketing.search.schema import write
from ticketing.tickets.lifecycle import Status

BERLIN = ZoneInfo("Europe/Berlin")
CALENDAR = Calendar(BERLIN, Weekdays(BERLIN), "v1")

_ROW = re.compile(r"^\| (.*) \|$", re.MULTILINE)


def tables() -> list[list[list[str]]]:
    """Return the tables of the example, without their headings: rows of cells."""
    text = (ROOT / "docs" / "analytics.md").read_text().partition("## An example")[2]
    blocks = (block for block in text.split("\n\n") if block.startswith("| "))
    return [[row.split(" | ") for row in _ROW.findall(block)][1:] for block in blocks]


def ticket(number: int, rows: list[list[str]]) -> Document:
    values: dict[str, str] = {}
    happenings: list[Happening] = []
    for when, by, what in rows:
        at = int(datetime.fromisoformat(when).replace(tzinfo=BERLIN).timestamp() * 1000)
        changes: dict[str, tuple[str | None, str | None]] = {}
        for field, _, value in (each.partition(": ") for each in what.split(", ")):
            after = datetime.fromtimestamp(at / 1000, UTC).isoformat() if value == "now" else value
            changes[field] = (values.get(field), after)
            values[field] = after
        happenings.append(Happening(at, by, changes))
    return lived(a_document(number), happenings, CALENDAR)


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    one, two, _, _ = tables()
    return [ticket(1, one), ticket(2, two)]


@pytest.fixture(scope="module")
def snapshot(documents: list[Document], tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder: Path = tmp_path_factory.mktemp("example")
    write(folder, documents, ())
    return Snapshot(Opened(folder), None, complete=True, calendar="v1")


def test_the_facts(documents: list[Document]) -> None:
    facts = documents[0].facts
    assert facts is not None
    for name, elapsed, business, _ in tables()[2]:
        assert span_of(facts, name) == Span(int(elapsed), int(business)), name
    assert (len(facts.reopenings), len(facts.reassignments)) == (1, 1)
    assert [act.by for act in facts.resolutions] == ["Ada", "Ben"]


def span_of(facts: Facts, name: str) -> Span | None:
    match name.split():
        case ["until", "the", "first", "response"]:
            return facts.until_response
        case ["until", "the", which, "resolution"]:
            return facts.until_first_resolution if which == "first" else facts.until_last_resolution
        case ["in", status]:
            return facts.time_in[Status(status)]
    raise AssertionError(name)


def ask(name: ReportName) -> Ask:
    now = datetime(2026, 3, 20, 10, tzinfo=BERLIN)
    return Ask(name, date(2026, 3, 6), date(2026, 3, 10), BERLIN, now, Query(()))


def test_the_reports(snapshot: Snapshot) -> None:
    for name, *numbers in tables()[3]:
        title, figure = name.split()
        (group,) = report(snapshot, ask(ReportName(title)), "v1").groups
        expected: list[Number] = [None if number == "\N{EN DASH}" else int(number) for number in numbers]
        assert [*group.series[figure], group.totals[figure]] == expected, name


def test_the_age(snapshot: Snapshot) -> None:
    (group,) = report(snapshot, ask(ReportName.AGE), "v1").groups
    assert (group.totals["open"], group.totals["median"], group.totals["sevenToThirtyDays"]) == (1, 15_840, 1)
