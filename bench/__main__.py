"""`make bench`: measures the backend on this machine, prints tables as it goes and writes .bench/results.json.

Figures of one machine and one run: read the ratios, which compare things measured side by side.
"""

import argparse
import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import against, engine, filling, http, live, neighbors, reports, requests, search, start, warm
from bench.report import Figure, show
from bench.stack import Stack

RESULTS = Path(".bench/results.json")


def main() -> int:
    """Measure, show and save; return 1 if something is out of its reach."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions and smaller lists, to try it out")
    parser.add_argument(
        "--against", metavar="REF", help="instead: the ticket operations here against those at a git ref"
    )
    options = parser.parse_args()
    quick: bool = options.quick
    if options.against:
        return _verdict(_shown(against.measure(options.against, rounds=50 if quick else 400)))

    figures = _shown(start.measure(rounds=3 if quick else 8))
    with _stack() as stack:
        figures += _shown(requests.measure(stack))
        figures += _shown(warm.measure(stack, rounds=50 if quick else 500))
        figures += _shown(http.measure(stack, rounds=50 if quick else 400))
        figures += _shown(live.measure(stack, rounds=20 if quick else 200, connections=100 if quick else 1000))
    sizes = (100, 1_000) if quick else (1_000, 100_000)
    with _stack() as stack:
        for size, user in zip(sizes, filling.USERS, strict=True):
            filling.fill(stack, user, size)
        figures += _shown(http.measure_lists(stack, sizes))
        figures += _shown(search.measure(stack, sizes, rounds=5 if quick else 40, changes=10 if quick else 100))
    figures += _shown(neighbors.measure(rounds=5 if quick else 30))
    figures += _shown(engine.measure((10_000,) if quick else (100_000, 1_000_000), rounds=20 if quick else 100))
    figures += _shown(reports.measure((10_000,) if quick else (1_000_000,), rounds=5 if quick else 20))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([figure.as_json() for figure in figures], indent=2) + "\n")
    print(f"\nWritten to {RESULTS}")
    return _verdict(figures)


@contextmanager
def _stack() -> Iterator[Stack]:
    """Give a stack that is ready, and in which nothing has happened."""
    with tempfile.TemporaryDirectory(prefix="bench-") as state:
        stack = Stack.launch(Path(state))
        try:
            stack.wait_until_ready()
            yield stack
        finally:
            stack.stop()


def _shown(measured: Iterable[Figure]) -> list[Figure]:
    """Show figures as soon as they are measured, whatever becomes of the rest."""
    figures = list(measured)
    show(figures)
    return figures


def _verdict(figures: list[Figure]) -> int:
    """Name what is out of its reach; return 1 if something is."""
    missed = [figure for figure in figures if figure.is_out_of_reach]
    for figure in missed:
        print(f"Out of reach: {figure.name}, {figure.value:.2f} {figure.unit}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
