"""Writers that fail or are killed at every step, before and after each call has landed: then they come again."""

from contextlib import suppress
from itertools import count

import pytest
from botocore.exceptions import BotoCoreError

from tests.unit.conftest import Clock
from tests.unit.index.support import Aws, Decide, Fault, KilledError, Process, Start
from ticketing.index import writing as module
from ticketing.index.errors import LostRaceError

BEFORE = {str(number): f"VPN drops {number}" for number in range(20)}
CHANGES = {"1": "printer on fire", "2": None, "new": "keyboard gone"}
AFTER = {name: text for name, text in (BEFORE | CHANGES).items() if text}

# A cold writer: the pointer, the head, a pack; two packs, the head, the pointer.
CALLS = 7


@pytest.fixture(autouse=True)
def index(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write an index, and let the segments to come be packs of their own."""
    process.write(BEFORE)
    process.write({"new": "nothing yet"})
    monkeypatch.setattr(module, "_IN_HEAD", 0)
    monkeypatch.setattr(module, "_ALONE", 200)


def at_call(which: int, fault: Fault) -> Decide:
    made = count(1)
    return lambda _name: fault if next(made) == which else Fault.NONE


def test_a_cold_writer_makes_these_calls(start: Start) -> None:
    writer = start()
    writer.write(CHANGES)
    assert writer.calls.made[:1] + writer.calls.made[-1:] == ["get_item", "put_item"]
    assert len(writer.calls.made) >= CALLS


@pytest.mark.parametrize("fault", [each for each in Fault if each is not Fault.NONE])
@pytest.mark.parametrize("which", range(1, 13))
def test_who_fails_or_is_killed_comes_again(
    which: int, fault: Fault, *, process: Process, start: Start, aws: Aws, time: Clock
) -> None:
    before, reader = process.ref(), start()
    writer = start(at_call(which, fault))
    for _ in range(3):
        try:
            writer.write(CHANGES)
            break
        except (BotoCoreError, LostRaceError):
            assert reader.found() in (BEFORE | {"new": "nothing yet"}, AFTER)  # and in the same process again
        except KilledError:
            assert reader.found() in (BEFORE | {"new": "nothing yet"}, AFTER)
            writer = start()
    assert start().found() == reader.found() == AFTER
    assert start().found(before) == BEFORE | {"new": "nothing yet"}
    sweeper = start()
    for _ in range(4):
        sweeper.store.sweep()
        time.forward(hours=1)
    ref = sweeper.ref()
    assert set(aws.packs()) == {ref.pack, *sweeper.store.map(ref).packs}
    assert start().found() == AFTER


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.LOST, Fault.DIES_BEFORE, Fault.DIES_AFTER])
@pytest.mark.parametrize("which", range(1, 8))
def test_a_sweep_that_fails_or_is_killed_deletes_nothing_in_use(
    which: int, fault: Fault, *, process: Process, start: Start, aws: Aws, time: Clock
) -> None:
    process.write(CHANGES)
    for hour in range(5):
        sweeper = start(at_call(which, fault) if hour % 2 else None)
        with suppress(BotoCoreError, KilledError):
            sweeper.store.sweep()
        assert start().found() == AFTER
        time.forward(hours=1)
    for _ in range(3):
        start().store.sweep()
        time.forward(hours=1)
    ref = process.ref()
    assert set(aws.packs()) == {ref.pack, *process.store.map(ref).packs}
