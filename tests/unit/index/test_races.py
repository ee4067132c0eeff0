"""Several writers, readers and sweeps at once, interleaved at every call of AWS, against a plain model.

The model is a table of texts that users change at any moment. Each change makes a message; a writer takes one, reads
the table after the pointer, and writes what it read. One that fails or is killed leaves its message to another.
Whatever the order: nothing is in the index twice, nothing was never in the table; and when all messages are done,
index and table are equal, and no pack is left over.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.size import sized
from tests.unit.conftest import Clock
from tests.unit.index.support import Actor, Aws, Decide, Fault, KilledError, Process
from tests.unit.support import MOMENT
from ticketing.index import packs
from ticketing.index.errors import LostRaceError

LONGEST = timedelta(minutes=15)

TICKETS = st.sampled_from("abcdef")
STEPS = st.one_of(
    st.tuples(st.just("change"), TICKETS, st.booleans()),
    st.tuples(st.just("step"), st.integers(0, 1), st.sampled_from(Fault)),
    st.tuples(st.just("step"), st.integers(0, 1), st.just(Fault.NONE)),
    st.tuples(st.just("step"), st.integers(0, 1), st.just(Fault.NONE)),
    st.tuples(st.just("sweep"), st.sampled_from([5, 14, 45, 60]), st.sampled_from(Fault)),
    st.tuples(st.just("read"), st.booleans(), st.none()),
)


class World:
    """The table, its messages, two writers, a reader, and all that was ever true."""

    def __init__(self, aws: Aws, time: Clock) -> None:
        self.aws = aws
        self.time = time
        self.table: dict[str, str] = {}
        self.ever: dict[str, set[str | None]] = {}
        self.messages = deque[str]()
        self.writers: list[Actor | None] = [None, None]
        self.working: list[str | None] = [None, None]
        self.began = [MOMENT, MOMENT]
        self.processes: list[Process | None] = [None, None]
        self.reader = aws.start()
        self.texts = 0

    def change(self, name: str, *, gone: bool) -> None:
        self.texts += 1
        if gone:
            self.table.pop(name, None)
        else:
            self.table[name] = f"text {self.texts}"
        self.ever.setdefault(name, {None}).add(self.table.get(name))
        self.messages.append(name)

    def step(self, which: int, fault: Fault) -> None:
        """Let a writer go one call further, or take up the next message."""
        writer = self.writers[which]
        if writer is None:
            if not self.messages:
                return
            message = self.working[which] = self.messages.popleft()
            self.began[which] = self.time.now
            writer = self.writers[which] = Actor(lambda decide: self._write(which, message, decide))
        else:
            writer.step(fault)
        if writer.over:
            if writer.error is not None:
                assert isinstance(writer.error, (BotoCoreError, KilledError, LostRaceError)), repr(writer.error)
                self.messages.append(str(self.working[which]))
            self.writers[which] = None

    def _write(self, which: int, message: str, decide: Decide) -> None:
        process = self.processes[which]
        if process is None or not process.calls.alive:  # a killed one is followed by another, with an empty disk
            process = self.processes[which] = self.aws.start()
        process.calls.decide = decide
        process.write_twice(lambda: {message: self.table.get(message)})

    def sweep(self, minutes: int, fault: Fault) -> None:
        """Let time pass, as far as no writer takes longer than Lambda lets it, and sweep."""
        working = [began for began, writer in zip(self.began, self.writers, strict=True) if writer]
        later = self.time.now + timedelta(minutes=minutes)
        self.time.set(min([later, *(began + LONGEST for began in working)]))
        faults = iter([Fault.NONE] * (minutes % 5) + [fault])
        with suppress(BotoCoreError, KilledError):
            self.aws.start(lambda _name: next(faults, Fault.NONE)).store.sweep()

    def read(self, *, cold: bool) -> None:
        if cold:
            self.reader = self.aws.start()
        pointer = self.reader.store.pointer(consistent=False)
        for ref in pointer.refs:
            self._check(self.reader.found(ref))

    def _check(self, found: dict[str, str]) -> None:
        assert all(text in self.ever[name] for name, text in found.items())

    def settle(self) -> None:
        """Let everything end without a fault."""
        for which in (0, 1):
            while self.writers[which]:
                self.step(which, Fault.NONE)
        while self.messages:
            self.step(0, Fault.NONE)
        while self.writers[0]:
            self.step(0, Fault.NONE)


@pytest.fixture(autouse=True)
def in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a process make one call at a time, so that each of them is a step."""

    def one_by_one(do: Any, each: Any) -> None:
        for one in list(each):
            do(one)

    monkeypatch.setattr(packs, "in_parallel", one_by_one)


@settings(
    max_examples=sized(30, short=6),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(steps=st.lists(STEPS, min_size=10, max_size=120))
def test_however_writers_race_and_die_the_index_is_the_table(
    steps: list[tuple[str, Any, Any]], aws: Aws, time: Clock
) -> None:
    aws.forget()
    time.set(MOMENT)
    world = World(aws, time)
    for kind, one, two in steps:
        match kind:
            case "change":
                world.change(one, gone=two)
            case "step":
                world.step(one, two)
            case "sweep":
                world.sweep(one, two)
            case "read":
                world.read(cold=one)
    world.settle()
    reader = aws.start()
    slot = reader.store.pointer().serving
    assert (reader.found() if slot else {}) == world.table
    for _ in range(4):
        time.forward(hours=1)
        reader.store.sweep()
    needed = {reader.ref().pack, *reader.store.map(reader.ref()).packs} if slot else set()
    assert set(aws.packs()) == needed
    assert (aws.start().found() if slot else {}) == world.table
