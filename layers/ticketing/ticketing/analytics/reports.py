"""Reports, as questions to the search index: what `rules` defines, counted over the columns of a state of it.

The engine counts a ticket once in each range of a column, however many of its moments are in it. So every count is one
of tickets, and `rows` finds the same ones.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import accumulate, pairwise, product
from typing import TYPE_CHECKING, Any, Final

from tantivy import Occur, Query

from ticketing.analytics.models import By, Cell, Group, Number, Part, Report, ReportName, Row, Rows
from ticketing.analytics.rules import (
    AGES,
    CREATED,
    MOST_AGENTS,
    MOST_GROUPS,
    OPEN,
    PERCENTILES,
    REOPENED,
    RESOLVED,
    TIMINGS,
    VOLUME,
    WORK,
    Span,
    Timing,
    Work,
    age,
    place,
    span,
    spans,
    targets_of,
)
from ticketing.search.columns import LAST_DAY, Clock, Counts, Days, Duration, Moments, minute_of, step_value
from ticketing.search.facts import UTC_KEY, day_of
from ticketing.search.matching import any_of, has_value, in_range, of_number
from ticketing.search.periods import milliseconds
from ticketing.search.port import NOBODY
from ticketing.search.schema import milliseconds_of, moment_key
from ticketing.tickets.lifecycle import Status

if TYPE_CHECKING:
    from ticketing.analytics.models import Ask
    from ticketing.search.embedded import Snapshot
    from ticketing.search.reading import Opened

type Json = dict[str, Any]
type Figures = dict[str, Number]

ROW: Final = (
    CREATED,
    RESOLVED,
    Moments.RESPONSE.value,
    Moments.FIRST_RESOLUTION.value,
    *(each.value for each in Counts),
    *(duration.column(clock) for duration in Duration for clock in Clock),
)
"""The columns of a row."""

_ALL_VALUES: Final = 65_000
"""How many values are counted, the most that the engine allows: then no count is a guess."""

_HIGHEST: Final = (1 << 53) - 1
"""The highest bound of a range: the engine has them as floating-point numbers."""

_MINUTE: Final = 60_000

_SAME: Final = 1.01 / 0.99
"""Numbers between two powers of this are the same to the engine's percentiles (DDSketch, as it is set up)."""

_ROUNDING: Final = 1e-9

_EVERYTHING: Final = (0, _HIGHEST)

_TIMES: Final = (0, 1, 2, 3, _HIGHEST)
"""How often tickets were reopened."""


def report(snapshot: Snapshot, ask: Ask, calendar: str) -> Report:
    """Return a report over a state of the index.

    Parameters
    ----------
    snapshot
        The state.
    ask
        What is asked; `rules.problems` has found none with it.
    calendar
        The version of the tenant's calendar as it is now.
    """
    return Report(
        starts=[each.first for each in spans(ask)],
        groups=_Reading(snapshot.opened, ask).groups(),
        as_of=snapshot.as_of,
        complete=snapshot.complete,
        recomputing=snapshot.calendar not in {None, calendar},
    )


def rows(snapshot: Snapshot, ask: Ask, cell: Cell, limit: int, after: int | None) -> Rows:
    """Return a page of the tickets behind a number of a report; `after` is that of the page before.

    Raises
    ------
    LookupError
        The report has no such number.
    """
    found = Rows([], None) if snapshot.opened is None else _Reading(snapshot.opened, ask).rows(cell, limit, after)
    return replace(found, as_of=snapshot.as_of, complete=snapshot.complete)


class _Reading:
    """One report over one state of an index; None is one without tickets."""

    def __init__(self, opened: Opened | None, ask: Ask) -> None:
        self._opened = opened
        self._ask = ask
        self._spans = spans(ask)
        self._whole = span(ask.first, ask.last, ask.zone)
        self._set = Query.empty_query() if opened is None else opened.found_by(ask.query)
        self._now = milliseconds(ask.now)
        self._tops: dict[By, list[str]] = {}
        """What tickets are grouped by, the most frequent values first."""

    # --- groups ---------------------------------------------------------------------------------------------------

    def groups(self) -> Sequence[Group]:
        """Return the report's groups, that of all tickets first."""
        if self._ask.report is ReportName.WORKLOAD:
            return self._workload()
        figures: Mapping[ReportName, Callable[[Query], tuple[Figures, Sequence[Figures]]]] = {
            ReportName.VOLUME: self._volume,
            ReportName.BACKLOG: self._backlog,
            ReportName.RESPONSIVENESS: self._responsiveness,
            ReportName.REOPENINGS: self._reopenings,
            ReportName.AGE: self._age,
        }
        compute = figures[self._ask.report]
        found = [_group((), *compute(self._set))]
        parts = [self._parts(by) for by in self._ask.by]
        for several in product(*parts) if parts else ():
            group = _group(several, *compute(_all_of(self._set, *map(self._having, several))))
            if any(group.totals.values()) or any(any(each) for each in group.series.values()):
                found.append(group)
        return found

    def _parts(self, by: By) -> Sequence[Part]:
        """Return what tickets are grouped by: the most frequent values, all others, and none."""
        values, are_all = self._top(by)
        others = () if are_all else (Part(by, None, is_other=True),)
        nothing = (Part(by, None),) if by in {By.TAG, By.ASSIGNEE} else ()
        return [*(Part(by, value) for value in values), *others, *nothing]

    def _top(self, by: By) -> tuple[Sequence[str], bool]:
        """Return the values that get groups, and whether these are all: those of most of the tickets that count."""
        if by not in self._tops:
            found = self._values(by.value, _all_of(self._set, self._counted()))
            self._tops[by] = sorted(found.keys() - {NOBODY}, key=lambda value: (-found[value]["doc_count"], value))
        values, most = self._tops[by], MOST_GROUPS[len(self._ask.by)]
        return values[:most], len(values) <= most

    def _having(self, part: Part) -> Query:
        """Return the query for the tickets of a group."""
        if part.by is None:
            raise LookupError
        return _having(part.by.value, part, self._top(part.by)[0] if part.is_other else ())

    def _counted(self) -> Query:
        """Return the query for tickets that count in the report: the values that most of them have get groups."""
        match self._ask.report:
            case ReportName.VOLUME:
                return any_of([_during(column, self._whole) for column in VOLUME.values()])
            case ReportName.RESPONSIVENESS:
                return any_of([_during(timing.at, self._whole) for timing in TIMINGS.values()])
            case ReportName.REOPENINGS:
                return _during(Moments.FIRST_RESOLUTION, self._whole)
            case ReportName.BACKLOG:
                first = day_of(self._ask.first)
                left = [self._stepped(status, first, LAST_DAY, entered=False) for status in OPEN]
                return _all_of(_before(CREATED, self._whole.end), any_of([_is_open(), *left]))
        return _is_open()

    def _values(self, column: str, query: Query, inner: Json | None = None) -> dict[str, Json]:
        """Return the engine's answers for each value that a column has in what matches."""
        terms = {"field": column, "size": _ALL_VALUES, "segment_size": _ALL_VALUES}
        answer = self._aggregate(query, {"values": {"terms": terms} | ({"aggs": inner} if inner else {})})
        return {str(each["key"]): each for each in answer.get("values", {}).get("buckets", ())}

    def _aggregate(self, query: Query, aggregations: Json) -> Json:
        return {} if self._opened is None else self._opened.aggregate(query, aggregations)

    # --- figures --------------------------------------------------------------------------------------------------

    def _volume(self, query: Query) -> tuple[Figures, Sequence[Figures]]:
        answer = self._aggregate(query, _joined(self._parted(name, column) for name, column in VOLUME.items()))
        total: Figures = {}
        series: list[Figures] = [{} for _ in self._spans]
        for name, column in VOLUME.items():
            whole, parts = self._read(answer, name, column)
            total[name] = whole["doc_count"]
            for each, bucket in zip(series, parts, strict=True):
                each[name] = bucket["doc_count"]
        return total, series

    def _responsiveness(self, query: Query) -> tuple[Figures, Sequence[Figures]]:
        asked = (self._parted(name, timing.at, self._timed(timing)) for name, timing in TIMINGS.items())
        answer = self._aggregate(query, _joined(asked))
        total: Figures = {}
        series: list[Figures] = [{} for _ in self._spans]
        for name, timing in TIMINGS.items():
            whole, parts = self._read(answer, name, timing.at)
            total |= self._times(name, timing, whole)
            for each, bucket in zip(series, parts, strict=True):
                each.update(self._times(name, timing, bucket))
        return total, series

    def _timed(self, timing: Timing) -> Json:
        column, targets = timing.took.column(self._ask.clock), targets_of(self._ask, timing)
        asked = _distribution(column)
        if targets:
            within = _ranges(column, _limits(targets))
            asked["priorities"] = {"terms": {"field": By.PRIORITY.value}, "aggs": {"within": within}}
        return asked

    def _times(self, name: str, timing: Timing, bucket: Json) -> Figures:
        targets = targets_of(self._ask, timing)
        targeted = within = 0
        for each in bucket.get("priorities", {}).get("buckets", ()):
            if (target := targets.get(each["key"])) is not None:
                targeted += each["doc_count"]
                limits = [limit for limit in _limits(targets) if limit <= target + 1]
                within += sum(found["doc_count"] for found in _read_ranges(each.get("within", {}), limits))
        return {
            f"{name}.count": bucket["doc_count"],
            **{f"{name}.{figure}": value for figure, value in _read_percentiles(bucket).items()},
            f"{name}.targeted": targeted,
            f"{name}.within": within,
            f"{name}.share": within / targeted if targeted else None,
        }

    def _reopenings(self, query: Query) -> tuple[Figures, Sequence[Figures]]:
        times = {"times": _ranges(Counts.REOPENED, _TIMES)}
        answer = self._aggregate(query, self._parted("resolved", Moments.FIRST_RESOLUTION, times))
        whole, parts = self._read(answer, "resolved", Moments.FIRST_RESOLUTION)
        return _reopened(whole), [_reopened(part) for part in parts]

    def _backlog(self, query: Query) -> tuple[Figures, Sequence[Figures]]:
        """Return who was where at the ends of days: those who have come to a status so far, but for those who left.

        Days are counted one by one: of a longer time, the engine would count a ticket once that came twice.
        """
        steps = {"field": self._days, "interval": 1, "min_doc_count": 1}
        buckets = self._aggregate(query, {"steps": {"histogram": steps}}).get("steps", {}).get("buckets", ())
        counts = {int(each["key"]): each["doc_count"] for each in buckets}
        ends = [day_of(each.last) for each in self._spans]
        series: list[Figures] = [{} for _ in self._spans]
        for status in Status:
            left, came = (_until(ends, counts, status, entered=entered) for entered in (False, True))
            for figures, gone, there in zip(series, left, came, strict=True):
                figures[status.value] = there - gone
        for figures in series:
            figures["open"] = sum(figures[status.value] or 0 for status in OPEN)
        return series[-1], series

    def _age(self, query: Query) -> tuple[Figures, Sequence[Figures]]:
        bounds = [self._born(high) if high is not None else 0 for _, high in reversed(AGES.values())] + [_HIGHEST]
        still = _all_of(query, _is_open())
        answer = self._aggregate(still, {"ages": _ranges(CREATED, bounds)}).get("ages", {})
        counts = [each["doc_count"] for each in _read_ranges(answer, bounds)][::-1]
        total = sum(counts)
        return {
            "open": total,
            **{name: self._nth_age(still, total, place(total, percent)) for name, percent in PERCENTILES.items()},
            **dict(zip(AGES, counts, strict=True)),
        }, ()

    def _nth_age(self, query: Query, total: int, rank: int) -> Number:
        """Return the age of the ticket with this rank among so many, the youngest first."""
        if self._opened is None or not total:
            return None
        born = self._opened.nth(query, CREATED, min(rank, total - 1 - rank), descending=rank < total / 2)
        return age(milliseconds_of(born), self._now)

    def _born(self, age: int) -> int:
        """Return what the column of creation is below, of tickets that are at least so many minutes old."""
        return moment_key(self._now - age * _MINUTE + 1)

    # --- the workload ---------------------------------------------------------------------------------------------

    def _workload(self) -> Sequence[Group]:
        """Return the figures of all tickets, of each agent who has some, of all other agents, and of nobody."""
        figures = self._work()
        agents = self._ranked(figures)
        parts = [Part(None, agent) for agent in agents[:MOST_AGENTS]]
        groups = [Group((), self._together(None))]
        groups += [Group((part,), _NO_WORK | figures[part.value or ""]) for part in parts]
        if len(parts) < len(agents):
            others = Part(None, None, is_other=True)
            groups.append(Group((others,), self._together(others)))
        if NOBODY in figures:
            groups.append(Group((Part(None, None),), _NO_WORK | figures[NOBODY]))
        return groups

    def _work(self) -> Mapping[str, Figures]:
        """Return the figures of each agent; those of nobody are of tickets without an assignee."""
        found: dict[str, Figures] = {}
        for name, work in WORK.items():
            for agent, bucket in self._values(work.who, self._worked(work), self._took(work)).items():
                found.setdefault(agent, {}).update(_done(name, work, bucket))
        return found

    def _together(self, part: Part | None) -> Figures:
        """Return the figures of all agents together, or of some."""
        figures: Figures = {}
        for name, work in WORK.items():
            query = _all_of(self._worked(work), *([] if part is None else [self._by_agent(work, part)]))
            answer = self._aggregate(query, {"all": _ranges(CREATED, _EVERYTHING, inner=self._took(work))})
            (bucket,) = _read_ranges(answer.get("all", {}), _EVERYTHING)
            figures |= _done(name, work, bucket)
        return figures

    def _worked(self, work: Work) -> Query:
        return _all_of(self._set, _is_open() if work.at is None else _during(work.at, self._whole))

    def _took(self, work: Work) -> Json | None:
        return None if work.took is None else _distribution(work.took.column(self._ask.clock))

    def _by_agent(self, work: Work, part: Part) -> Query:
        others = self._ranked(self._work())[:MOST_AGENTS] if part.is_other else ()
        return _having(work.who, part, others)

    @staticmethod
    def _ranked(figures: Mapping[str, Figures]) -> Sequence[str]:
        """Return the agents, those with most to do and done first."""
        done = {agent: sum(int(each.get(name) or 0) for name in WORK) for agent, each in figures.items()}
        return sorted(figures.keys() - {NOBODY}, key=lambda agent: (-done[agent], agent))

    # --- rows -----------------------------------------------------------------------------------------------------

    def rows(self, cell: Cell, limit: int, after: int | None) -> Rows:
        """Return a page of the tickets behind a number."""
        assert self._opened is not None  # noqa: S101 - without tickets there are no rows
        if cell.part is not None and cell.part < 0:
            raise LookupError(cell.part)
        during = self._whole if cell.part is None else self._spans[cell.part]
        is_workload = self._ask.report is ReportName.WORKLOAD
        groups = (self._by_agent(_work_of(cell), each) if is_workload else self._having(each) for each in cell.group)
        query = _all_of(self._set, self._behind(cell, during), *groups)
        found, following = self._opened.newest(query, limit, after, ("number", *ROW))
        if self._ask.report is ReportName.BACKLOG:
            found = self._still(found, cell.figure, day_of(during.last))
        return Rows([Row(ticket_id, {name: facts[name] for name in ROW}) for ticket_id, facts in found], following)

    def _behind(self, cell: Cell, during: Span) -> Query:
        """Return the query for what is counted; of the backlog, also for some that come and go again and again."""
        figure, _, detail = cell.figure.partition(".")
        match self._ask.report:
            case ReportName.VOLUME:
                query = _during(VOLUME[figure], during)
            case ReportName.RESPONSIVENESS:
                query = _all_of(_during(TIMINGS[figure].at, during), *self._compared(TIMINGS[figure], detail))
            case ReportName.REOPENINGS:
                low, high = (0, None) if figure in {"resolved", "share"} else REOPENED[figure]
                often = in_range(Counts.REOPENED, low, _HIGHEST if high is None else high - 1)
                query = _all_of(_during(Moments.FIRST_RESOLUTION, during), often)
            case ReportName.BACKLOG:
                query = any_of([self._was(status, day_of(during.last)) for status in _statuses(figure)])
            case ReportName.WORKLOAD:
                at = _work_of(cell).at
                query = _is_open() if at is None else _during(at, during)
            case ReportName.AGE:
                low, high = (0, None) if figure in {"open", *PERCENTILES} else AGES[figure]
                oldest = 0 if high is None else self._born(high)
                query = _all_of(_is_open(), in_range(CREATED, oldest, self._born(low) - 1 if low else _HIGHEST))
        return query

    def _compared(self, timing: Timing, detail: str) -> Iterator[Query]:
        """Yield what a number of a timing asks for beside its moment."""
        targets = targets_of(self._ask, timing)
        column = timing.took.column(self._ask.clock)
        if detail in {"targeted", "share"}:
            yield any_of([has_value(By.PRIORITY.value, priority) for priority in targets])
        elif detail == "within":
            each = (_all_of(has_value(By.PRIORITY.value, p), in_range(column, 0, most)) for p, most in targets.items())
            yield any_of(list(each))
        elif detail not in {"count", *PERCENTILES}:
            raise LookupError(detail)

    def _was(self, status: Status, day: int) -> Query:
        """Return the query for tickets that came to a status until the end of a day, and left it later or not yet."""
        later = [self._stepped(status, day + 1, LAST_DAY, entered=False), has_value(By.STATUS.value, status.value)]
        return _all_of(self._stepped(status, 0, day, entered=True), any_of(later))

    def _still(
        self, found: Sequence[tuple[str, dict[str, int | None]]], figure: str, day: int
    ) -> list[tuple[str, dict[str, int | None]]]:
        """Return those that had the status at the end of a day: who has left it, may have come back later."""
        numbers = [of_number(number) for _, facts in found if (number := facts["number"]) is not None]
        inner = {"days": {"terms": {"field": self._days, "size": _ALL_VALUES}}}
        steps = self._values("number", any_of(numbers), inner) if numbers else {}
        there: set[str] = set()
        for each, bucket in steps.items():
            counts = {int(step["key"]): step["doc_count"] for step in bucket["days"]["buckets"]}
            for status in _statuses(figure):
                (left,), (came,) = (_until([day], counts, status, entered=entered) for entered in (False, True))
                if came > left:
                    there.add(each)
        return [(ticket_id, facts) for ticket_id, facts in found if str(facts["number"]) in there]

    # --- periods --------------------------------------------------------------------------------------------------

    @property
    def _days(self) -> str:
        return (Days.UTC if self._ask.zone.key == UTC_KEY else Days.LOCAL).value

    def _stepped(self, status: Status, first: int, last: int, *, entered: bool) -> Query:
        low, high = (step_value(status, day, entered=entered) for day in (first, last))
        return in_range(self._days, low, high)

    def _parted(self, name: str, column: str, inner: Json | None = None) -> Json:
        """Return what asks for a column by the parts of the period, and for the whole of it: not the parts' sum."""
        return {
            f"{name} parts": _ranges(column, self._bounds(column), inner=inner),
            f"{name} whole": _ranges(column, self._ends(column), inner=inner),
        }

    def _read(self, answer: Json, name: str, column: str) -> tuple[Json, Sequence[Json]]:
        (whole,) = _read_ranges(answer.get(f"{name} whole", {}), self._ends(column))
        return whole, _read_ranges(answer.get(f"{name} parts", {}), self._bounds(column))

    def _bounds(self, column: str) -> list[int]:
        return [_at(column, moment) for moment in (*(each.start for each in self._spans), self._whole.end)]

    def _ends(self, column: str) -> list[int]:
        return [_at(column, self._whole.start), _at(column, self._whole.end)]


# --- what is counted --------------------------------------------------------------------------------------------------


def _at(column: str, moment: int) -> int:
    """Return a moment (milliseconds since 1970) as a column has it."""
    match column:
        case "created":
            return moment_key(moment)
        case "resolved":
            return moment
    return minute_of(moment)


def _during(column: str, during: Span) -> Query:
    return in_range(column, _at(column, during.start), _at(column, during.end) - 1)


def _before(column: str, moment: int) -> Query:
    return in_range(column, 0, _at(column, moment) - 1)


def _is_open() -> Query:
    return any_of([has_value(By.STATUS.value, status.value) for status in OPEN])


def _all_of(*queries: Query) -> Query:
    return Query.boolean_query([(Occur.Must, query) for query in queries])


def _having(column: str, part: Part, others_than: Sequence[str]) -> Query:
    """Return the query for what has a part's value in a column; has another one than these; or has none."""
    if part.value is not None:
        return has_value(column, part.value)
    excluded = [has_value(column, value) for value in others_than]
    if part.is_other:
        excluded.append(has_value(column, NOBODY))
        return Query.boolean_query([(Occur.Must, Query.exists_query(column)), *((Occur.MustNot, q) for q in excluded)])
    nothing = Query.boolean_query([(Occur.Must, Query.all_query()), (Occur.MustNot, Query.exists_query(column))])
    return any_of([nothing, has_value(column, NOBODY)])


def _statuses(figure: str) -> Sequence[Status]:
    return OPEN if figure == "open" else (_STATUSES[figure],)


def _work_of(cell: Cell) -> Work:
    return WORK[cell.figure.partition(".")[0]]


_STATUSES: Final = {status.value: status for status in Status}


# --- what the engine is asked, and answers ----------------------------------------------------------------------------


def _ranges(column: str, bounds: Sequence[int], inner: Json | None = None) -> Json:
    """Return what asks how many tickets have a value from each bound until before the next one."""
    # 0 is no bound to the engine
    ranges = [{"to": high} if low == 0 else {"from": low, "to": high} for low, high in pairwise(bounds)]
    return {"range": {"field": column, "ranges": ranges}} | ({"aggs": inner} if inner else {})


def _read_ranges(answer: Json, bounds: Sequence[int]) -> Sequence[Json]:
    """Return the buckets between bounds; empty ones where there is no ticket."""
    buckets = {(each.get("from", 0), each.get("to")): each for each in answer.get("buckets", ())}
    return [buckets.get(pair, {"doc_count": 0}) for pair in pairwise(bounds)]


def _distribution(column: str) -> Json:
    """Return what asks for the percentiles of a column, and the lowest and highest value."""
    percentiles = {"field": column, "percents": list(PERCENTILES.values()), "keyed": False}
    return {"percentiles": {"percentiles": percentiles}, "stats": {"stats": {"field": column}}}


def _read_percentiles(bucket: Json) -> Figures:
    count, stats = bucket["doc_count"], bucket.get("stats", {})
    values = {each["key"]: each["value"] for each in bucket.get("percentiles", {}).get("values", ())}
    found: Figures = {}
    for name, percent in PERCENTILES.items():
        match place(count, percent):
            case _ if not count:
                found[name] = None
            case 0:
                found[name] = int(stats["min"])
            case last if last == count - 1:
                found[name] = int(stats["max"])
            case _:
                found[name] = _minutes(values[percent])
    return found


def _minutes(value: float) -> Number:
    """Return the minutes that the engine's value stands for: about the middle of all whole ones that it may.

    It has one value for all numbers that are within 2 %: so it is exact up to 50 minutes, and then less than 1 % off.
    """
    highest = value * (1 + _SAME) / 2
    low, high = math.ceil(highest / _SAME - _ROUNDING), math.ceil(highest - _ROUNDING) - 1
    return low if low >= high else round(2 * low * high / (low + high), 1)


def _limits(targets: Mapping[str, int]) -> list[int]:
    """Return the bounds of times within each of the targets."""
    return [0, *sorted({minutes + 1 for minutes in targets.values()})]


def _until(ends: Sequence[int], counts: Mapping[int, int], status: Status, *, entered: bool) -> Iterator[int]:
    """Yield how many steps into a status, or out of it, there were until the end of each of these days."""
    first, last = (step_value(status, day, entered=entered) for day in (0, LAST_DAY))
    steps = sorted(value for value in counts if first <= value <= last)
    sums = [0, *accumulate(counts[value] for value in steps)]
    return (sums[bisect_right(steps, first + day)] for day in ends)


def _reopened(bucket: Json) -> Figures:
    resolved = bucket["doc_count"]
    _, once, twice, more = (each["doc_count"] for each in _read_ranges(bucket.get("times", {}), _TIMES))
    reopened = once + twice + more
    return {
        "resolved": resolved,
        "reopened": reopened,
        "share": reopened / resolved if resolved else None,
        "reopenedOnce": once,
        "reopenedTwice": twice,
        "reopenedMore": more,
    }


def _done(name: str, work: Work, bucket: Json) -> Figures:
    times = {} if work.took is None else _read_percentiles(bucket)
    return {name: bucket["doc_count"], **{f"{name}.{figure}": value for figure, value in times.items()}}


_NO_WORK: Final = {
    figure: value for name, work in WORK.items() for figure, value in _done(name, work, {"doc_count": 0}).items()
}


def _group(parts: tuple[Part, ...], totals: Figures, series: Sequence[Figures]) -> Group:
    names = series[0] if series else ()
    return Group(parts, totals, {name: [each[name] for each in series] for name in names})


def _joined(several: Iterable[Json]) -> Json:
    return reduce(lambda one, other: one | other, several, {})
