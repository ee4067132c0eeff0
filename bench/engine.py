"""The embedded search index alone, in a folder on this machine: its size, how fast it is, and what memory it takes."""

import importlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import batched
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from bench.corpus import tickets
from bench.memory import peak
from bench.report import Figure
from ticketing.search.language import parse
from ticketing.search.port import Facet, Find, Scope, SortKey
from ticketing.search.reading import Opened
from ticketing.search.schema import write

_PASS: Final = 2_000
"""How many tickets are committed at once."""

_LARGE: Final = 100_000
"""From how many tickets on their words are not mostly new ones."""

MIX: Final = {
    "a common word": "printer",
    "three words": "printer network error",
    "a phrase": '"the printer"',
    "a Japanese phrase": "接続が切れる",
    "a prefix": "netw*",
    "a typing error": "pritner",
    "two typing errors": "netzwerkdrukcre",
    "a part of words": "drucker",
    "a code": "0x1a2b3c4d",
    "a word that is nowhere": "xylophone",
    "words and fields": "printer status:open,new created>2023-12-01 -monitor",
    "fields alone": "status:open priority:high is:unassigned",
    "everything": "",
}
_MIX_P50: Final = "the mix, p50"

_GROUP: Final = "The embedded index alone, {:,} tickets"

_ALL: Final = Scope(None, internal=True)


def measure(sizes: tuple[int, ...], rounds: int) -> Iterator[Figure]:
    """Build an index of each size, and search it in a process of its own."""
    mixes: dict[int, float] = {}
    for size in sizes:
        group = _GROUP.format(size)
        with tempfile.TemporaryDirectory(prefix="bench-index-") as folder:
            texts, seconds = _build(Path(folder), size)
            stored = sum(file.stat().st_size for file in used(Path(folder)))
            yield Figure(group, "text of a ticket", texts / size, "bytes")
            yield Figure(group, "index of a ticket", stored / size, "bytes", reach=400 if size >= _LARGE else None)
            yield Figure(group, "tickets written in a second", size / seconds, "")
            command = [sys.executable, "-m", "bench.engine", folder, str(rounds)]
            answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            for name, value, unit, reach in json.loads(answer):
                yield Figure(group, name, value, unit, reach)
                if name == _MIX_P50:
                    mixes[size] = value
    for size in sizes[1:]:
        yield Figure(_GROUP.format(size), f"{_MIX_P50}, / that of {sizes[0]:,}", mixes[size] / mixes[sizes[0]], "x")


def _build(folder: Path, size: int) -> tuple[int, float]:
    """Return how many bytes of text were written, and how many seconds writing took, without making the tickets up."""
    texts, seconds = 0, 0.0
    for batch in batched(tickets(size), _PASS, strict=False):
        texts += sum(len(text.encode()) for each in batch for text in (each.title, *each.texts, *each.internal))
        started = time.perf_counter()
        write(folder, batch, ())
        seconds += time.perf_counter() - started
    return texts, seconds


def used(folder: Path) -> list[Path]:
    """Return the files of the segments that are in use."""
    meta = json.loads((folder / "meta.json").read_text())
    names = {each["segment_id"].replace("-", "") for each in meta["segments"]}
    return [file for file in folder.iterdir() if file.name.split(".")[0] in names]


def _search(folder: Path, rounds: int) -> Iterator[tuple[str, float, str, float | None]]:
    started = time.perf_counter()
    opened = Opened(folder)
    yield "opening", 1000 * (time.perf_counter() - started), "ms", None
    all_times: list[float] = []
    for name, call in _calls(opened).items():
        times = [_time(call) for _ in range(rounds)]
        all_times += times
        yield f"{name}, p50", statistics.median(times), "ms", None
        yield f"{name}, p99", statistics.quantiles(times, n=100)[98], "ms", None
    yield _MIX_P50, statistics.median(all_times), "ms", None
    yield "the mix, p99", statistics.quantiles(all_times, n=100)[98], "ms", None
    yield "memory", peak(), "MB", 512


def _calls(opened: Opened) -> dict[str, Callable[[], object]]:
    def found(q: str, sort: SortKey, facets: tuple[Facet, ...] = (), scope: Scope = _ALL) -> Callable[[], object]:
        query = parse(q, zone=ZoneInfo("UTC"), now=datetime.now(UTC))
        find = Find(query, scope, sort, descending=True, limit=25, facets=facets)
        return lambda: opened.find(find)

    def deep(offset: int) -> Callable[[], object]:
        query = parse("printer", zone=ZoneInfo("UTC"), now=datetime.now(UTC))
        after = {"reach": 0, "at": offset}
        return lambda: opened.find(Find(query, _ALL, SortKey.RELEVANCE, descending=True, limit=25, after=after))

    return {name: found(q, SortKey.RELEVANCE) for name, q in MIX.items()} | {
        "a common word, newest first": found("printer", SortKey.CREATED),
        "a common word with five facets": found("printer", SortKey.RELEVANCE, tuple(Facet)),
        "a common word of a reporter": found("printer", SortKey.RELEVANCE, scope=_of_reporter()),
        "a common word, 7,500 hits further on": deep(7_500),
        "suggestions for two letters": lambda: opened.suggest("ne", _ALL, 10),
    }


def _of_reporter() -> Scope:
    (ticket,) = tickets(1)
    return Scope(ticket.reporter_id, internal=False)


def _time(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    importlib.import_module("functions.search.search_tickets")  # what it needs beside the engine takes memory, too
    print(json.dumps(list(_search(Path(sys.argv[1]), int(sys.argv[2])))))
