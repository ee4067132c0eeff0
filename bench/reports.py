"""Reports over the embedded index alone, in a folder on this machine: what facts take, and how fast each report is."""

import importlib
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import batched
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from bench.corpus import tickets
from bench.engine import used
from bench.lives import Weekdays, life, lived
from bench.memory import peak
from bench.report import Figure
from ticketing.analytics.models import Ask, By, Cell, Interval, ReportName, Targets
from ticketing.analytics.reports import report, rows
from ticketing.search.documents import Document
from ticketing.search.embedded import Snapshot
from ticketing.search.facts import Calendar
from ticketing.search.language import parse
from ticketing.search.reading import Opened
from ticketing.search.schema import write
from ticketing.tickets.kinds import Priority

_PASS: Final = 2_000
"""How many tickets are committed at once."""

_REACH: Final = 2_000
"""Milliseconds that a report may take."""

_ZONE: Final = ZoneInfo("Europe/Berlin")
_CALENDAR: Final = Calendar(_ZONE, Weekdays(_ZONE), "weekdays")
_AGENTS: Final = [str(UUID(int=(1 << 120) + number)) for number in range(40)]
_GROUP: Final = "Reports over the embedded index alone, {:,} tickets"


def measure(sizes: tuple[int, ...], rounds: int) -> Iterator[Figure]:
    """Build an index of each size, and make reports of it in a process of its own."""
    for size in sizes:
        group = _GROUP.format(size)
        with tempfile.TemporaryDirectory(prefix="bench-reports-") as folder:
            for batch in batched(_documents(size), _PASS, strict=False):
                write(Path(folder), batch, ())
            files = used(Path(folder))
            yield Figure(group, "index of a ticket", sum(file.stat().st_size for file in files) / size, "bytes")
            columns = sum(file.stat().st_size for file in files if file.suffix == ".fast")
            yield Figure(group, "of these, columns", columns / size, "bytes")
            command = [sys.executable, "-m", "bench.reports", folder, str(size), str(rounds)]
            answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            for name, value, unit, reach in json.loads(answer):
                yield Figure(group, name, value, unit, reach)


def _documents(size: int) -> Iterator[Document]:
    chance = random.Random(1)  # noqa: S311 - made up
    now = _now(size)
    for document in tickets(size):
        happenings = list(life(chance, document.created_at, now, document.reporter_id, _AGENTS))
        yield lived(document, happenings, _CALENDAR)


def _now(size: int) -> int:
    """Return a moment soon after the corpus's last ticket."""
    return 1_700_000_000_000 + (size + 60) * 60_000


def _report(folder: Path, size: int, rounds: int) -> Iterator[tuple[str, float, str, float | None]]:
    snapshot = Snapshot(Opened(folder), None, complete=True, calendar=_CALENDAR.version)
    for name, call in _calls(snapshot, size).items():
        call()
        times = [_time(call) for _ in range(rounds)]
        yield f"{name}, p50", statistics.median(times), "ms", None
        yield f"{name}, the longest of {rounds}", max(times), "ms", _REACH
    yield "memory", peak(), "MB", 512


def _calls(snapshot: Snapshot, size: int) -> dict[str, Callable[[], object]]:
    now = datetime.fromtimestamp(_now(size) / 1000, UTC)
    last = now.astimezone(_ZONE).date()
    targets = Targets(dict.fromkeys(Priority, 240), dict.fromkeys(Priority, 1440))

    def asked(name: ReportName, q: str = "", **values: Any) -> Ask:
        month = Ask(
            name,
            date.fromordinal(last.toordinal() - 29),
            last,
            _ZONE,
            now,
            parse(q, zone=_ZONE, now=now),
            targets=targets,
        )
        return replace(month, **values)

    def made(name: ReportName, q: str = "", **values: Any) -> Callable[[], object]:
        ask = asked(name, q, **values)
        return lambda: report(snapshot, ask, _CALENDAR.version)

    year: dict[str, Any] = {"first": date.fromordinal(last.toordinal() - 364)}
    calls = {f"{name.value}, a month by day": made(name) for name in ReportName}
    calls |= {f"{name.value}, a year by day": made(name, **year) for name in ReportName}
    grouped = [name for name in ReportName if name is not ReportName.WORKLOAD]
    calls |= {
        f"{name.value}, a year by week and by assignee": made(name, by=(By.ASSIGNEE,), interval=Interval.WEEK, **year)
        for name in grouped
    }
    calls |= {
        f"{name.value}, a year by month, tag and assignee": made(
            name, by=(By.TAG, By.ASSIGNEE), interval=Interval.MONTH, **year
        )
        for name in grouped
    }
    calls |= {f"{name.value}, of a common word": made(name, "printer", **year) for name in ReportName}
    behind = asked(ReportName.BACKLOG, **year)
    calls["rows behind a number of the backlog"] = lambda: rows(snapshot, behind, Cell("OPEN", 200), 25, None)
    return calls


def _time(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    importlib.import_module("functions.search.search_tickets")  # what it needs beside the engine takes memory, too
    print(json.dumps(list(_report(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))))
