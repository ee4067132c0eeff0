"""An exact recount of reports by another engine: DuckDB, over tickets and histories as tables, without their facts.

It says which tickets each figure counts; how groups and periods are made of these, is counted here with sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from bench.lives import Happening
from ticketing.analytics.models import Ask, Part, ReportName
from ticketing.search.columns import Clock
from ticketing.search.documents import Document
from ticketing.tickets.kinds import Priority

OPEN = ("NEW", "OPEN", "IN_PROGRESS")

_TABLES = """
    CREATE TABLE tickets (number INT, status TEXT, priority TEXT, type TEXT, assignee TEXT, reporter TEXT, title TEXT,
                          created BIGINT);
    CREATE TABLE tags (number INT, tag TEXT);
    CREATE TABLE changes (number INT, version INT, moment BIGINT, who TEXT, field TEXT, before TEXT, after TEXT);
    CREATE TABLE hours (opens BIGINT, closes BIGINT);
"""

_VIEWS = """
    CREATE TABLE events AS
        SELECT *, CAST(timezone('{zone}', make_timestamptz(moment * 1000)) AS DATE) AS local_day,
               CAST(timezone('UTC', make_timestamptz(moment * 1000)) AS DATE) AS utc_day
        FROM changes;
    CREATE VIEW resolutions AS SELECT * FROM events WHERE field = 'status' AND after = 'RESOLVED' AND before <> '';
    CREATE TABLE ends AS
        SELECT 'response' AS kind, * FROM events WHERE field = 'firstRespondedAt'
        UNION ALL SELECT 'firstResolution', * FROM resolutions
            QUALIFY row_number() OVER (PARTITION BY number ORDER BY version) = 1
        UNION ALL SELECT 'lastResolution', * FROM resolutions
            QUALIFY row_number() OVER (PARTITION BY number ORDER BY version DESC) = 1;
    CREATE TABLE spans AS
        SELECT ends.*, (moment - created) // 60000 AS elapsed,
               coalesce((SELECT sum(least(closes, moment) - greatest(opens, created)) FROM hours
                         WHERE closes > created AND opens < moment), 0) // 60000 AS business
        FROM ends JOIN tickets USING (number);
"""

_REOPENED = """field = 'status' AND before IN ('RESOLVED', 'CLOSED') AND after NOT IN ('RESOLVED', 'CLOSED')"""

_VOLUME = {
    "created": "field = 'status' AND before IS NULL",
    "resolved": "field = 'status' AND after = 'RESOLVED' AND before IS NOT NULL",
    "closed": "field = 'status' AND after = 'CLOSED' AND before IS NOT NULL",
    "reopened": _REOPENED,
}

type Set = frozenset[int]


@dataclass(frozen=True)
class Timed:
    """Tickets for which something ended, with the minutes that it took."""

    minutes: Mapping[int, int]
    within: Set
    targeted: Set


class Oracle:
    """All tickets of a tenant, and what they were."""

    def __init__(self, lives: Iterable[tuple[Document, Sequence[Happening]]], zone: str) -> None:
        self._tables = duckdb.connect()
        self._tables.execute(_TABLES)
        self._answers: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
        lives = list(lives)
        self._insert("tickets", (_ticket(document) for document, _ in lives))
        self._insert("tags", ((each.number, tag) for each, _ in lives for tag in each.tags))
        self._insert(
            "changes",
            (
                (document.number, version, each.at, each.by, field, before, after)
                for document, happenings in lives
                for version, each in enumerate(happenings)
                for field, (before, after) in each.changes.items()
            ),
        )
        self._zone = zone
        first = min(each.created_at for each, _ in lives)
        last = max(happenings[-1].at for _, happenings in lives)
        self._execute(
            """INSERT INTO hours SELECT epoch_ms(timezone(?, day + INTERVAL 9 HOUR)),
                                        epoch_ms(timezone(?, day + INTERVAL 17 HOUR))
               FROM (SELECT unnest(generate_series(make_timestamp(? * 1000)::DATE::TIMESTAMP - INTERVAL 2 DAY,
                            make_timestamp(? * 1000) + INTERVAL 2 DAY, INTERVAL 1 DAY)) AS day)
               WHERE isodow(day) <= 5""",
            [zone, zone, first, last],
        )
        self._tables.execute(_VIEWS.format(zone=zone))
        self.all: Set = frozenset(document.number for document, _ in lives)

    def _insert(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        columns = list(zip(*rows, strict=True))
        names = ", ".join(f"unnest(?::{kind}[])" for kind in self._types(table))
        self._tables.execute(f"INSERT INTO {table} SELECT {names}", [list(column) for column in columns])

    def _types(self, table: str) -> list[str]:
        return [row[1] for row in self._execute(f"DESCRIBE {table}")]

    def _execute(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a question, which is asked once."""
        asked = (sql, *values)
        if asked not in self._answers:
            self._answers[asked] = self._tables.execute(sql, list(values)).fetchall()
        return self._answers[asked]

    def where(self, condition: str) -> Set:
        """Return the tickets that a condition of SQL holds for."""
        return frozenset(row[0] for row in self._execute(f"SELECT number FROM tickets WHERE {condition}"))  # noqa: S608

    def members(self, part: Part, shown: Sequence[str]) -> Set:
        """Return the tickets of a group; `shown` are the values with groups of their own."""
        having = self.values(part)
        if part.value is not None:
            return having.get(part.value, frozenset())
        some: Set = frozenset().union(*having.values())
        return some.difference(*(having[value] for value in shown)) if part.is_other else self.all - some

    def values(self, part: Part) -> Mapping[str, Set]:
        """Return the tickets that have each value of what a part is of."""
        assert part.by is not None
        sql = f"SELECT {part.by}, number FROM {'tags' if part.by == 'tag' else 'tickets'} WHERE {part.by} IS NOT NULL"  # noqa: S608
        found: dict[str, set[int]] = {}
        for value, number in self._execute(sql):
            found.setdefault(value, set()).add(number)
        return {value: frozenset(numbers) for value, numbers in found.items()}

    # --- what each report counts ----------------------------------------------------------------------------------

    def counted(self, ask: Ask, first: date, last: date) -> Mapping[str, Set]:
        """Return the tickets that each count is of, for the days from the first to the last."""
        match ask.report:
            case ReportName.VOLUME:
                return {name: self._events(ask, condition, first, last) for name, condition in _VOLUME.items()}
            case ReportName.REOPENINGS:
                return self._reopenings(ask, first, last)
            case ReportName.BACKLOG:
                return self._backlog(ask, last)
            case ReportName.AGE:
                return self._ages(ask)
            case ReportName.RESPONSIVENESS:
                found: dict[str, Set] = {}
                for name in ("response", "firstResolution", "lastResolution"):
                    timed = self.timed(ask, name, first, last)
                    found |= {f"{name}.count": frozenset(timed.minutes)}
                    found |= {f"{name}.within": timed.within, f"{name}.targeted": timed.targeted}
                return found
        raise NotImplementedError

    def population(self, ask: Ask) -> Set:
        """Return the tickets that decide which values get groups."""
        counted = self.counted(ask, ask.first, ask.last)
        match ask.report:
            case ReportName.BACKLOG:
                was_open = self._steps_out_of_open(ask) | self.where(f"status IN {OPEN}")
                return was_open & self._events(ask, _VOLUME["created"], date(1970, 1, 2), ask.last)
            case ReportName.AGE:
                return counted["open"]
            case ReportName.REOPENINGS:
                return counted["resolved"]
            case ReportName.RESPONSIVENESS:
                return frozenset().union(*(each for name, each in counted.items() if name.endswith("count")))
        return frozenset().union(*counted.values())

    def _day(self, ask: Ask) -> str:
        return "utc_day" if ask.zone.key == "UTC" else "local_day"

    def _events(self, ask: Ask, condition: str, first: date, last: date) -> Set:
        sql = f"SELECT number FROM events WHERE {condition} AND {self._day(ask)} BETWEEN ? AND ?"  # noqa: S608
        return frozenset(row[0] for row in self._execute(sql, [first, last]))

    def timed(self, ask: Ask, kind: str, first: date, last: date) -> Timed:
        """Return for which tickets something ended on these days, and how long it took."""
        minutes = "business" if ask.clock is Clock.BUSINESS else "elapsed"
        targets = ask.targets.response if kind == "response" else ask.targets.resolution
        rows = self._execute(
            f"""SELECT number, {minutes}, priority FROM spans JOIN tickets USING (number)
                WHERE kind = ? AND {self._day(ask)} BETWEEN ? AND ?""",  # noqa: S608
            [kind, first, last],
        )
        return Timed(
            {number: int(took) for number, took, _ in rows},
            frozenset(number for number, took, priority in rows if took <= targets.get(Priority(priority), -1)),
            frozenset(number for number, _, priority in rows if Priority(priority) in targets),
        )

    def _reopenings(self, ask: Ask, first: date, last: date) -> Mapping[str, Set]:
        rows = self._execute(
            f"""SELECT number, (SELECT count(*) FROM events WHERE events.number = spans.number AND {_REOPENED})
                FROM spans WHERE kind = 'firstResolution' AND {self._day(ask)} BETWEEN ? AND ?""",  # noqa: S608
            [first, last],
        )

        def often(low: int, high: int = 99) -> Set:
            return frozenset(number for number, times in rows if low <= times <= high)

        return {
            "resolved": often(0),
            "reopened": often(1),
            "reopenedOnce": often(1, 1),
            "reopenedTwice": often(2, 2),
            "reopenedMore": often(3),
        }

    def _backlog(self, ask: Ask, last: date) -> Mapping[str, Set]:
        rows = self._execute(
            f"""SELECT number, arg_max(after, version) FROM events
                WHERE field = 'status' AND {self._day(ask)} <= ? GROUP BY number""",  # noqa: S608
            [last],
        )
        statuses = (*OPEN, "RESOLVED", "CLOSED")
        found = {status: frozenset(number for number, now in rows if now == status) for status in statuses}
        return found | {"open": frozenset().union(*(found[status] for status in OPEN))}

    def _steps_out_of_open(self, ask: Ask) -> Set:
        """Return the tickets that have left NEW, OPEN or IN_PROGRESS from the period's first day on, day by day."""
        rows = self._execute(
            f"""WITH ends AS (SELECT number, {self._day(ask)} AS day, arg_max(after, version) AS status
                              FROM events WHERE field = 'status' GROUP BY ALL)
                SELECT number FROM (SELECT *, lag(status) OVER (PARTITION BY number ORDER BY day) AS former FROM ends)
                WHERE former IN {OPEN} AND former <> status AND day >= ?""",  # noqa: S608
            [ask.first],
        )
        return frozenset(row[0] for row in rows)

    def ages(self, ask: Ask) -> Mapping[int, int]:
        """Return the ages of open tickets, in minutes."""
        now = int(ask.now.timestamp() * 1000)
        sql = f"SELECT number, greatest((? - created) // 60000, 0) FROM tickets WHERE status IN {OPEN}"  # noqa: S608
        return {number: int(age) for number, age in self._execute(sql, [now])}

    def _ages(self, ask: Ask) -> Mapping[str, Set]:
        ages, day = self.ages(ask), 1440
        edges = {
            "underOneDay": (0, day),
            "oneToThreeDays": (day, 3 * day),
            "threeToSevenDays": (3 * day, 7 * day),
            "sevenToThirtyDays": (7 * day, 30 * day),
            "overThirtyDays": (30 * day, 10**9),
        }
        named = {
            name: frozenset(number for number, age in ages.items() if low <= age < high)
            for name, (low, high) in edges.items()
        }
        return named | {"open": frozenset(ages)}

    def workload(self, ask: Ask) -> Mapping[str, Mapping[str | None, Mapping[int, int]]]:
        """Return for each figure, by agent, the tickets with the minutes that they took."""
        minutes = "business" if ask.clock is Clock.BUSINESS else "elapsed"
        found: dict[str, dict[str | None, dict[int, int]]] = {"open": {}, "resolved": {}, "responses": {}}
        for number, agent in self._execute(f"SELECT number, assignee FROM tickets WHERE status IN {OPEN}"):  # noqa: S608
            found["open"].setdefault(agent, {})[number] = 0
        for figure, kind in (("resolved", "lastResolution"), ("responses", "response")):
            sql = f"SELECT number, who, {minutes} FROM spans WHERE kind = ? AND {self._day(ask)} BETWEEN ? AND ?"  # noqa: S608
            for number, agent, took in self._execute(sql, [kind, ask.first, ask.last]):
                found[figure].setdefault(agent, {})[number] = int(took)
        return found


def _ticket(document: Document) -> tuple[Any, ...]:
    return (
        document.number,
        document.status,
        document.priority,
        document.type,
        document.assignee_id,
        document.reporter_id,
        document.title,
        document.created_at,
    )


def parts_of(ask: Ask) -> Sequence[tuple[date, date]]:
    """Return the parts of the period, day by day: a day begins a part if it is the first of its kind."""
    kinds: dict[str, Callable[[date], Any]] = {
        "day": lambda day: day,
        "week": lambda day: day.isocalendar()[:2],
        "month": lambda day: (day.year, day.month),
    }
    kind = kinds[ask.interval.value]
    parts: dict[Any, list[date]] = {}
    for number in range((ask.last - ask.first).days + 1):
        day = ask.first + timedelta(number)
        parts.setdefault(kind(day), []).append(day)
    return [(days[0], days[-1]) for days in parts.values()]


def percentile(values: Iterable[int], percent: int) -> int | None:
    """Return the value at 1 + floor(percent of (n - 1)), in ascending order."""
    ordered = sorted(values)
    return ordered[percent * (len(ordered) - 1) // 100] if ordered else None
