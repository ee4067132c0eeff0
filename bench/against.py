"""The ticket operations over HTTP, against another state of the repository: all stacks up, call by call in turns.

A machine's noise is measured along: the other state runs twice, and how far it is from itself is added to the reach.
"""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.callers import TICKET, connect, move, new_ticket, replacement
from bench.report import Figure
from bench.stack import Stack

REACH = 1.03
"""How many times as long an operation may take as before, beyond what the other state takes against itself."""

ROOT = Path(__file__).parents[1]
WARM_UP = 10

type Call = Callable[[int], httpx.Response]


def measure(ref: str, rounds: int) -> Iterator[Figure]:
    """Time every ticket operation here and at a git ref, and yield the medians and their ratios."""
    with (
        _checkout(ref) as other,
        _stack(ROOT) as here,
        _stack(other) as there,
        _stack(other) as twin,
        connect(here) as new,
        connect(there) as old,
        connect(twin) as same,
    ):
        pairs = {"here": _calls(new), ref: _calls(old), f"{ref} again": _calls(same)}
        times: dict[tuple[str, str], list[float]] = {}
        for n in range(WARM_UP + rounds):
            sides = [list(pairs)[(n + shift) % len(pairs)] for shift in range(len(pairs))]
            for name in pairs["here"]:
                for side in sides:
                    started = time.perf_counter()
                    pairs[side][name](n).raise_for_status()
                    if n >= WARM_UP:
                        times.setdefault((name, side), []).append(time.perf_counter() - started)
    group = f"Ticket operations over HTTP against {ref}, p50"
    for name in pairs["here"]:
        after, before, again = (statistics.median(times[name, side]) for side in pairs)
        noise = max(before, again) / min(before, again)
        yield Figure(group, name, after * 1000, "ms")
        yield Figure(group, f"{name}: {ref} against itself", noise, "x")
        yield Figure(group, f"{name} / {ref}", after / min(before, again), "x", reach=REACH + noise - 1)


def _calls(api: httpx.Client) -> dict[str, Call]:
    """Return the calls to time, in an order in which each finds the ticket as it needs it."""
    url, moved, trashed = (new_ticket(api).headers["Location"] for _ in range(3))
    reporter = api.get(url).json()["reporterId"]
    return {
        "get": lambda _: api.get(url),
        "list": lambda _: api.get("/v1/tickets"),
        "create": lambda _: api.post("/v1/tickets", json=TICKET),
        "update": lambda n: api.patch(url, json={"title": f"Title {n}, updated"}),  # so that a replacement changes it
        "replace": lambda n: api.put(url, json=replacement(n, reporter)),
        "transition": lambda n: api.post(f"{moved}/transitions", json=move(n)),
        "history": lambda _: api.get(f"{url}/history"),
        "delete": lambda _: api.delete(trashed),
        "restore": lambda _: api.post(f"{trashed}/restore"),
    }


@contextmanager
def _checkout(ref: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-against-") as folder:
        place = Path(folder) / "checkout"
        subprocess.run(["git", "-C", str(ROOT), "worktree", "add", "--quiet", "--detach", str(place), ref], check=True)
        try:
            yield place
        finally:
            subprocess.run(["git", "-C", str(ROOT), "worktree", "remove", "--force", str(place)], check=True)


@contextmanager
def _stack(root: Path) -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="bench-") as state:
        # Nothing is recorded: only what a user would wait for is to be timed.
        stack = Stack.launch(Path(state), root=root, records=False)
        try:
            stack.wait_until_ready()
            yield stack
        finally:
            stack.stop()
