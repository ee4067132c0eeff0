"""Every number of every report, and the tickets behind it, compared with a recount by DuckDB."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from bench.lives import Happening, Weekdays, life, lived
from tests.harness.size import sized
from tests.unit.analytics.oracle import Oracle, Set, parts_of, percentile
from tests.unit.search.support import PRIORITIES, TYPES, a_document
from ticketing.analytics.models import Ask, By, Cell, Group, Interval, Number, Part, ReportName, Targets
from ticketing.analytics.reports import report, rows
from ticketing.analytics.rules import MOST_AGENTS, MOST_GROUPS, PERCENTILES, problems
from ticketing.search.columns import Clock
from ticketing.search.documents import Document
from ticketing.search.embedded import Snapshot
from ticketing.search.facts import Calendar
from ticketing.search.language import parse
from ticketing.search.reading import Opened
from ticketing.search.schema import write
from ticketing.tickets.kinds import Priority

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
START, NOW = datetime(2026, 1, 10, tzinfo=UTC), datetime(2026, 6, 20, 9, 30, tzinfo=UTC)
SIZE = sized(10_000, short=300)
CALENDAR = Calendar(BERLIN, Weekdays(BERLIN), "v1")
TARGETS = Targets(
    response={Priority.CRITICAL: 30, Priority.HIGH: 120, Priority.MEDIUM: 480},
    resolution={Priority.CRITICAL: 480, Priority.HIGH: 960, Priority.MEDIUM: 2400, Priority.LOW: 4800},
)
WORDS = ["printer", "monitor", "network", "keyboard"]
TAGS = [f"tag{number}" for number in range(40)]
AGENTS = [str(UUID(int=number)) for number in range(1000, 1000 + MOST_AGENTS + 20)]


def lives() -> Iterator[tuple[Document, list[Happening]]]:
    """Yield tickets with what happened to them, created evenly until a while before now."""
    chance = random.Random(13)  # noqa: S311 - made up
    first, now = (int(each.timestamp() * 1000) for each in (START, NOW))
    # A few agents do most of the work.
    agents = chance.choices(AGENTS, [1 / (number + 1) for number in range(len(AGENTS))], k=1000)
    for number in range(1, SIZE + 1):
        created = first + (now - first) * number // SIZE - chance.randrange(3_600_000)
        document = a_document(
            number,
            created_at=created,
            priority=chance.choice(PRIORITIES),
            type=chance.choice(TYPES),
            tags=tuple(chance.sample(TAGS, chance.choices([0, 1, 2], [3, 5, 2])[0])),
            reporter_id=str(UUID(int=chance.randrange(1, 200))),
            title=" ".join(chance.sample(WORDS, 2)),
        )
        happenings = list(life(chance, created, now, document.reporter_id, agents))
        yield lived(document, happenings, CALENDAR), happenings


@pytest.fixture(scope="module")
def made() -> list[tuple[Document, list[Happening]]]:
    return list(lives())


@pytest.fixture(scope="module")
def oracle(made: list[tuple[Document, list[Happening]]]) -> Oracle:
    return Oracle(made, BERLIN.key)


@pytest.fixture(scope="module")
def snapshot(made: list[tuple[Document, list[Happening]]], tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder: Path = tmp_path_factory.mktemp("index")
    half = SIZE // 2
    write(folder, [document for document, _ in made[:half]], ())
    write(folder, [document for document, _ in made[half:]], ())
    # Some are written again, as changes are: their former documents are still in their segment.
    write(folder, [document for document, _ in made[:50]], ())
    return Snapshot(Opened(folder), "2026-06-20T09:30:00.000Z", complete=True, calendar="v1")


QUERIES: Mapping[str, str] = {
    "": "TRUE",
    "priority:high,critical type:incident": "priority IN ('HIGH', 'CRITICAL') AND type = 'INCIDENT'",
    "printer -monitor": "title LIKE '%printer%' AND title NOT LIKE '%monitor%'",
    "tag:tag3,tag4,tag5,tag6": "number IN (SELECT number FROM tags WHERE tag IN ('tag3', 'tag4', 'tag5', 'tag6'))",
    "assignee:none": "assignee IS NULL",
    "created>=2026-03-29": "timezone('Europe/Berlin', make_timestamptz(created * 1000)) >= DATE '2026-03-29'",
}


def an_ask(name: ReportName, **values: object) -> Ask:
    """A report over a period with a change of clocks."""
    q = str(values.pop("q", ""))
    plain: dict[str, object] = {
        "report": name,
        "first": date(2026, 3, 2),
        "last": date(2026, 4, 12),
        "zone": BERLIN,
        "now": NOW,
        "query": parse(q, zone=BERLIN, now=NOW),
        "targets": TARGETS,
    }
    return Ask(**(plain | values))  # type: ignore[arg-type]


COUNTING = [each for each in ReportName if each is not ReportName.WORKLOAD]


def varied(q: str, **values: object) -> tuple[str, dict[str, object]]:
    return q, values


SOME: list[tuple[str, dict[str, object]]] = [
    ("", {}),
    ("printer -monitor", {"zone": UTC_ZONE, "interval": Interval.WEEK, "clock": Clock.ELAPSED}),
    ("", {"interval": Interval.MONTH, "by": (By.TAG,)}),
    ("", {"interval": Interval.MONTH, "by": (By.PRIORITY, By.ASSIGNEE)}),
]
MORE: list[tuple[str, dict[str, object]]] = [
    ("", {"zone": UTC_ZONE, "interval": Interval.WEEK, "clock": Clock.ELAPSED}),
    ("", {"interval": Interval.MONTH, "first": date(2026, 1, 12), "last": date(2026, 6, 20), "targets": Targets()}),
    *(varied(q, interval=Interval.WEEK) for q in QUERIES if q),
    *(varied("", interval=Interval.MONTH, by=(by,)) for by in By),
    ("printer -monitor", {"interval": Interval.MONTH, "by": (By.TAG, By.ASSIGNEE), "clock": Clock.ELAPSED}),
    ("", {"interval": Interval.MONTH, "by": (By.PRIORITY, By.TAG)}),
]


@pytest.mark.each
@pytest.mark.parametrize("name", COUNTING)
def test_reports_are_what_another_engine_counts(name: ReportName, oracle: Oracle, snapshot: Snapshot) -> None:
    for q, values in sized([*SOME, *MORE], short=SOME):
        ask = an_ask(name, q=q, **values)
        assert list(problems(ask)) == []
        found = report(snapshot, ask, "v1")
        parts = parts_of(ask)
        assert list(found.starts) == [first for first, _ in parts]
        assert (found.groups[0].parts, found.recomputing, found.complete) == ((), False, True)
        scope = oracle.where(QUERIES[q])
        shown = {by: values_shown(found.groups, by) for by in ask.by}
        check_values_shown(oracle, ask, scope, shown)
        totals = whole(oracle, ask)
        series = [oracle.counted(ask, first, last) for first, last in parts] if found.groups[0].series else []
        there: Set = frozenset()
        for group in found.groups:
            members = scope.intersection(*(oracle.members(part, shown[part.by]) for part in group.parts if part.by))
            check_counts(group.totals, totals, members)
            for place, counts in enumerate(series):
                check_counts({figure: each[place] for figure, each in group.series.items()}, counts, members)
            check_percentiles(oracle, ask, group, members, parts)
            there |= members if group.parts else frozenset()
        if ask.by:  # what counts is in some group
            assert scope.intersection(frozenset().union(*totals.values())) <= there


def whole(oracle: Oracle, ask: Ask) -> Mapping[str, Set]:
    return oracle.counted(ask, ask.first, ask.last)


def values_shown(groups: Sequence[Group], by: By) -> list[str]:
    parts = (part for group in groups for part in group.parts if part.by is by)
    return list(dict.fromkeys(part.value for part in parts if part.value is not None))


def check_values_shown(oracle: Oracle, ask: Ask, scope: Set, shown: Mapping[By, list[str]]) -> None:
    """The values with groups are the most frequent ones of the tickets that count."""
    population = scope & oracle.population(ask)
    for by in ask.by:
        counts = {value: len(population & numbers) for value, numbers in oracle.values(Part(by, None)).items()}
        ranked = sorted((value for value in counts if counts[value]), key=lambda value: (-counts[value], value))
        top = ranked[: MOST_GROUPS[len(ask.by)]]
        assert set(shown[by]) <= set(top)
        if len(ask.by) == 1:
            assert shown[by] == [value for value in top if value in shown[by]]


def check_counts(figures: Mapping[str, Number], counts: Mapping[str, Set], members: Set) -> None:
    for name, numbers in counts.items():
        assert figures[name] == len(numbers & members), name
    for name, share in figures.items():
        prefix, _, figure = name.rpartition(".")
        if figure == "share":
            dot = f"{prefix}." if prefix else ""
            part, all_ = (f"{dot}within", f"{dot}targeted") if prefix else ("reopened", "resolved")
            assert share == (len(counts[part] & members) / n if (n := len(counts[all_] & members)) else None)


def check_percentiles(oracle: Oracle, ask: Ask, group: Group, members: Set, parts: Sequence[tuple[date, date]]) -> None:
    if ask.report is ReportName.AGE:
        ages = [age for number, age in oracle.ages(ask).items() if number in members]
        check_times(group.totals, "", ages)
    if ask.report is ReportName.RESPONSIVENESS:
        for name in ("response", "firstResolution", "lastResolution"):
            for place, (first, last) in enumerate([(ask.first, ask.last), *parts]):
                figures = group.totals if place == 0 else {f: each[place - 1] for f, each in group.series.items()}
                took = oracle.timed(ask, name, first, last).minutes
                check_times(figures, f"{name}.", [n for number, n in took.items() if number in members])


def check_times(figures: Mapping[str, Number], prefix: str, values: Sequence[int]) -> None:
    for figure, percent in PERCENTILES.items():
        expected, value = percentile(values, percent), figures[f"{prefix}{figure}"]
        if expected is None:
            assert value is None
        else:
            assert value == pytest.approx(expected, rel=0.01, abs=0)


@pytest.mark.each
@pytest.mark.parametrize(("q", "clock"), [("", Clock.BUSINESS), ("printer -monitor", Clock.ELAPSED)])
def test_the_workload(q: str, clock: Clock, oracle: Oracle, snapshot: Snapshot) -> None:
    ask = an_ask(ReportName.WORKLOAD, q=q, clock=clock)
    groups = report(snapshot, ask, "v1").groups
    scope, work = oracle.where(QUERIES[q]), oracle.workload(ask)
    of_agent: dict[str | None, dict[str, dict[int, int]]] = {}
    for figure, agents in work.items():
        for agent, took in agents.items():
            ours = {number: minutes for number, minutes in took.items() if number in scope}
            if ours:
                of_agent.setdefault(agent, {})[figure] = ours
    unassigned = of_agent.pop(None, {})
    ranked = sorted(of_agent, key=lambda agent: (-sum(map(len, of_agent[agent].values())), str(agent)))
    named = [group for group in groups if group.parts and group.parts[0].value is not None]
    assert [group.parts[0].value for group in named] == ranked[:MOST_AGENTS]
    for group in groups:
        match group.parts:
            case ():
                theirs = [*of_agent.values(), unassigned]
            case (Part(is_other=True),):
                theirs = [of_agent[each] for each in ranked[MOST_AGENTS:]]
            case (Part(value=value),):
                theirs = [unassigned if value is None else of_agent[value]]
        for figure in work:
            minutes = [each for work_of in theirs for each in work_of.get(figure, {}).values()]
            assert group.totals[figure] == len(minutes)
            if figure != "open":
                check_times(group.totals, f"{figure}.", minutes)


def behind(snapshot: Snapshot, ask: Ask, cell: Cell) -> list[int]:
    """Return the numbers of the tickets behind a number, of all pages."""
    known = {a_document(number).ticket_id: number for number in range(1, SIZE + 1)}
    found: list[int] = []
    after = None
    while True:
        page = rows(snapshot, ask, cell, 100, after)
        found += [known[row.ticket_id] for row in page.rows]
        if (after := page.after) is None:
            return found


@pytest.mark.each
@pytest.mark.parametrize("name", COUNTING)
def test_a_number_opens_into_its_tickets(name: ReportName, oracle: Oracle, snapshot: Snapshot) -> None:
    ask = an_ask(name, interval=Interval.MONTH, by=(By.TAG,))
    groups = report(snapshot, ask, "v1").groups
    shown = {By.TAG: values_shown(groups, By.TAG)}
    chosen = [groups[0], groups[1], groups[-2], groups[-1]]
    for group in chosen:
        members = oracle.all.intersection(*(oracle.members(part, shown[By.TAG]) for part in group.parts))
        for figure, numbers in whole(oracle, ask).items():
            if group is groups[0] or figure in {"created", "open", "response.within", "reopened"}:
                opened = behind(snapshot, ask, Cell(figure, None, group.parts))
                assert len(opened) == len(set(opened)) == group.totals[figure]
                assert set(opened) == numbers & members
    for place, (first, last) in enumerate(parts_of(ask)):
        if groups[0].series:
            for figure, numbers in oracle.counted(ask, first, last).items():
                assert set(behind(snapshot, ask, Cell(figure, place))) == numbers


def test_the_work_of_an_agent_opens_into_its_tickets(oracle: Oracle, snapshot: Snapshot) -> None:
    ask = an_ask(ReportName.WORKLOAD)
    work = oracle.workload(ask)
    for group in (group for group in report(snapshot, ask, "v1").groups[-3:] if not group.parts[0].is_other):
        for figure, agents in work.items():
            opened = behind(snapshot, ask, Cell(figure, None, group.parts))
            assert set(opened) == set(agents.get(group.parts[0].value, {}))
    for part in (part for group in report(snapshot, ask, "v1").groups for part in group.parts if part.is_other):
        assert len(behind(snapshot, ask, Cell("open", None, (part,)))) > 0


def test_rows_have_facts(made: list[tuple[Document, list[Happening]]], snapshot: Snapshot) -> None:
    documents = {document.ticket_id: document for document, _ in made}
    page = rows(snapshot, an_ask(ReportName.RESPONSIVENESS), Cell("lastResolution.count"), 50, None)
    for row in page.rows:
        facts = documents[row.ticket_id].facts
        assert facts is not None
        assert facts.until_last_resolution is not None
        assert row.facts["until_last_resolution_business"] == facts.until_last_resolution.business
        assert row.facts["reopened"] == len(facts.reopenings)


def test_reports_say_when_another_calendar_was_counted_with(snapshot: Snapshot) -> None:
    ask = an_ask(ReportName.VOLUME)
    assert report(snapshot, ask, "v2").recomputing
    assert report(replace(snapshot, calendar=""), ask, "v1").recomputing
    assert not report(replace(snapshot, calendar=None), ask, "v1").recomputing


@pytest.mark.parametrize("name", ReportName)
def test_without_tickets_there_is_nothing(name: ReportName, tmp_path: Path) -> None:
    write(tmp_path, [], ())
    ask = an_ask(name)
    for opened in (None, Opened(tmp_path)):
        found = report(Snapshot(opened, None, complete=False, calendar=None), ask, "v1")
        (group,) = found.groups
        assert not any(group.totals.values())
        assert not any(any(each) for each in group.series.values())
        assert all(len(each) == 42 for each in group.series.values())
        assert set(group.totals) >= {"open"} or group.series.keys() >= set(group.totals)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"first": date(2026, 4, 13)}, "from: is after to"),
        ({"first": date(2016, 4, 12)}, "interval: a period has at most 400 parts, and this one 3653"),
        ({"first": date(1969, 12, 31)}, "from: a period is between 1970-01-02 and 2099-12-31"),
        ({"by": (By.TAG, By.TAG)}, "by: names the same twice"),
        ({"by": (By.TAG, By.TYPE, By.STATUS)}, "by: tickets are grouped by two things at most"),
    ],
)
def test_what_can_not_be_asked(values: dict[str, object], problem: str) -> None:
    assert list(problems(an_ask(ReportName.VOLUME, **values))) == [problem]


def test_the_workload_is_by_agent_alone() -> None:
    assert list(problems(an_ask(ReportName.WORKLOAD, by=(By.TAG,)))) == [
        "by: this report is by agent, and by nothing else"
    ]
