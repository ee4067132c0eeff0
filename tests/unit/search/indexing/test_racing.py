"""Two indexers side by side that stop, some for ever, before and after calls of AWS: the index ends as the table is.

Each is a thread that goes on when it is told to. An order that nobody has followed to its end comes again, so each may
be followed by both at once, which the queue's groups prevent otherwise.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.size import sized
from tests.unit.search.indexing.world import Sent, World
from tests.unit.support import SEARCH_TABLE, TABLE, moto_tables
from ticketing.aws import clients
from ticketing.search import indexing
from ticketing.search.index_queue import Order, rebuild

_SECONDS: Final = 30

type Fate = Literal["killed", "unanswered"]


class KilledError(BaseException):
    """The process is gone: nothing of it catches this."""


@dataclass
class Indexer:
    """A process that follows one order, call by call."""

    world: World
    sent: Sent
    fate: BaseException | None = None
    done: bool = False
    error: BaseException | None = None
    _go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _stopped: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        assert self._go.acquire(timeout=_SECONDS)
        try:
            if self.fate:
                raise self.fate
            self.world.follow([self.sent.order])
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is looked at where it was caused
            self.error = error
        finally:
            self.done = True
            self._stopped.release()

    def stop(self) -> None:
        """Wait, in this process, until it is to go on, or to end."""
        self._stopped.release()
        assert self._go.acquire(timeout=_SECONDS)
        if self.fate:
            fate, self.fate = self.fate, None
            raise fate

    def go_on(self, fate: Fate | None = None) -> None:
        """Let it go on until before or after its next call of AWS; or let it end, or get no answer."""
        if fate is not None:
            self.fate = KilledError() if fate == "killed" else ReadTimeoutError(endpoint_url="https://aws.example")
        self._go.release()
        assert self._stopped.acquire(timeout=_SECONDS)


@dataclass
class Race:
    """The tenant, its orders, and up to two indexers."""

    world: World
    running: list[Indexer | None] = field(default_factory=lambda: [None, None])

    def stop(self, **_: Any) -> None:
        """Stop the indexer whose thread this is. What it has read in others, it has read by then."""
        for indexer in self.running:
            if indexer is not None and indexer.thread is threading.current_thread():
                indexer.stop()

    def start(self, place: int) -> None:
        """Let an indexer follow the oldest order that the other one does not."""
        busy = [each.sent for each in self.running if each is not None]
        waiting = [sent for sent in self.world.queue.orders if sent not in busy] or list(self.world.queue.orders)
        if self.running[place] is None and waiting:
            self.running[place] = Indexer(self.world, waiting[0])

    def go_on(self, place: int, calls: int, fate: Fate | None) -> None:
        for call in range(calls):
            indexer = self.running[place]
            if indexer is None:
                return
            indexer.go_on(fate if call == calls - 1 else None)
            if indexer.done:
                self._ended(place, indexer)

    def end(self) -> None:
        """Let both come to their ends, and follow what orders are left."""
        for place in (0, 1):
            while self.running[place] is not None:
                self.go_on(place, 1, None)
        self.world.queue.forget()
        self.world.work()

    def _ended(self, place: int, indexer: Indexer) -> None:
        self.running[place] = None
        if indexer.error is None:
            if indexer.sent in self.world.queue.orders:
                self.world.queue.orders.remove(indexer.sent)
        elif not isinstance(indexer.error, (KilledError, ReadTimeoutError)):
            raise indexer.error


def happen(race: Race, name: str, *values: Any) -> None:
    """Let something happen: to the table, to the queue, or to an indexer."""
    world = race.world
    match name, values:
        case "change", (number, note):
            world.change(number, note=note)
            world.tell(number)
        case "trash", (number,):
            world.trash(number)
            world.tell(number)
        case "rebuild", (asked,):
            rebuild("acme", f"asked {world.changes}" if asked else "missing")
        case "compact", _:
            world.time.forward(hours=13)
            Order("acme", compact=str(world.changes)).send()
        case "start", (place,):
            race.start(place)
        case "go", (place, calls, fate):
            race.go_on(place, calls, fate)
        case _:
            world.queue.forget()


places = st.integers(0, 1)
numbers = st.integers(0, 6)
actions = st.one_of(
    st.tuples(st.just("change"), numbers, st.booleans()),
    st.tuples(st.just("trash"), numbers),
    st.tuples(st.just("rebuild"), st.booleans()),
    st.tuples(st.just("compact")),
    st.tuples(st.just("start"), places),
    st.tuples(st.just("go"), places, st.integers(1, 12), st.none()),
    st.tuples(st.just("go"), places, st.integers(1, 12), st.sampled_from(["killed", "unanswered"])),
    st.tuples(st.just("forget")),
)


@pytest.fixture
def race(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Race]:
    """Return how to begin a race: with an empty table and no index."""
    monkeypatch.setattr(indexing, "PAGE", 2)
    current: list[Race] = []
    for client in (clients.dynamodb(), clients.s3()):
        for event in ("before-call", "after-call"):
            client.meta.events.register(event, lambda **_: current[-1].stop() if current else None)

    def begin() -> Race:
        for table in (TABLE, SEARCH_TABLE):
            moto_tables().tables[table].items.clear()
        shutil.rmtree(world.root)
        world.root.mkdir()
        world.queue.orders.clear()
        world.queue.forget()
        world.titles.clear()
        world.notes.clear()
        current.append(Race(world))
        return current[-1]

    return begin


@pytest.mark.usefixtures("moto_bucket")
@settings(
    max_examples=sized(20, short=5),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(first=st.integers(0, 7), built=st.booleans(), then=st.lists(actions, max_size=40))
def test_two_indexers_and_the_table_agree_in_the_end(
    race: Callable[[], Race], first: int, then: list[tuple[Any, ...]], *, built: bool
) -> None:
    it = race()
    world = it.world
    for number in range(first):
        world.change(number)
    if built:
        rebuild("acme", "missing")
        world.work()
    for action in then:
        happen(it, *action)
    rebuild("acme", "missing")
    it.end()
    assert world.is_right()
