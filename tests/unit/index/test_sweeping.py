"""What is no longer in use: kept for who holds on to it, then deleted; and with it what users have deleted."""

from datetime import datetime, timedelta

import pytest

from tests.harness.size import sized
from tests.unit.conftest import Clock
from tests.unit.index.support import Aws, Process, Start, commit, found, opening
from ticketing import clock
from ticketing.index.errors import IndexDamagedError
from ticketing.index.heads import Ref, Slot

SECRET = "qxzvkjwpqhxz"


def hours(process: Process, time: Clock, number: int) -> int:
    """Let hours pass, in each of which is swept, and return how many packs were deleted."""
    deleted = 0
    for _ in range(number):
        time.forward(hours=1)
        deleted += process.store.sweep()
    return deleted


def used(process: Process) -> set[str]:
    return {process.ref().pack, *process.store.map(process.ref()).packs}


def test_what_is_not_in_use_goes_within_three_hours(process: Process, start: Start, aws: Aws, time: Clock) -> None:
    for number in range(10):
        process.write({str(number): "VPN drops"})
    written = len(aws.packs())
    assert written > len(used(process))
    sweeper = start()
    assert sweeper.store.sweep() == 0
    assert hours(sweeper, time, 3) == written - len(used(process))
    assert set(aws.packs()) == used(process)
    assert start().found() == process.found()


def test_where_nothing_changes_a_sweep_lists_nothing(process: Process, start: Start, time: Clock) -> None:
    process.write({"1": "VPN drops"})
    sweeper = start()
    hours(sweeper, time, 3)
    sweeper.calls.made.clear()
    hours(sweeper, time, 3)
    assert sweeper.calls.made == ["get_item", "get_item", "get_object"] * 3
    process.write({"1": "VPN fixed"})
    hours(sweeper, time, 1)
    assert "get_paginator" in sweeper.calls.made


def test_without_an_index_all_packs_go(process: Process, start: Start, aws: Aws, time: Clock) -> None:
    """The table of search was lost, or a build was given up."""
    process.write({"1": "VPN drops"})
    aws.forget_pointer()
    assert hours(start(), time, 4) == 1
    assert aws.packs() == {}


def test_what_is_being_built_stays(process: Process, start: Start, aws: Aws, time: Clock) -> None:
    process.write({"1": "VPN drops"})
    pointer = process.store.pointer()
    with process.store.writing(None) as writing:
        commit(writing.folder, {"1": "VPN drops"})
        ref = writing.put()
    process.store.replace(pointer, serving=pointer.serving, building=Slot(2, ref))
    hours(start(), time, 5)
    assert len(aws.packs()) == 2
    assert ref is not None
    assert found(start().store.open(ref, opening)) == {"1": "VPN drops"}


def test_a_writer_that_is_not_done_yet_keeps_its_packs(process: Process, start: Start, aws: Aws, time: Clock) -> None:
    """Sweeps come at the worst moments: right before it puts them, and as often as they may before it is done."""
    process.write({"1": "VPN drops"})
    process.write({"1": "VPN drops again"})
    sweeper = start()
    sweeper.store.sweep()
    time.forward(minutes=50)
    pointer = process.store.pointer()
    with process.store.writing(process.ref()) as writing:
        commit(writing.folder, {"1": "VPN fixed"})
        ref = writing.put()
    sweeper.store.sweep()
    time.forward(minutes=15)
    sweeper.store.sweep()
    process.store.replace(pointer, serving=Slot(1, ref, complete=True), building=None)
    hours(sweeper, time, 4)
    assert start().found() == {"1": "VPN fixed"}
    assert set(aws.packs()) == used(process)


def test_who_holds_on_to_a_state_reads_it_for_15_minutes(process: Process, start: Start, time: Clock) -> None:
    """While others write, and sweep whenever they may."""
    process.write({str(number): "VPN drops" for number in range(20)})
    sweeper = start()
    held: list[tuple[datetime, dict[str, str], Ref]] = []
    for minute in range(0, sized(200, short=75), 5):
        process.write({str(minute % 20): f"changed in minute {minute}", str(minute % 7): None})
        held.append((clock.now(), process.found(), process.ref()))
        sweeper.store.sweep()
        while clock.now() - held[0][0] >= timedelta(minutes=15):
            _, expected, ref = held.pop(0)
            assert start().found(ref) == expected
        time.forward(minutes=5)


def test_an_old_pack_that_was_dropped_right_before_a_sweep_stays(process: Process, start: Start, time: Clock) -> None:
    process.write({"1": "VPN drops"})
    sweeper = start()
    hours(sweeper, time, 5)
    held = process.ref()
    process.write({"1": "VPN fixed"})
    time.forward(hours=1)
    process.write({"2": "printer on fire"})
    between = process.ref()
    process.write({"1": None})
    assert sweeper.store.sweep() == 0
    time.forward(minutes=49)
    assert sweeper.store.sweep() == 0
    assert start().found(held) == {"1": "VPN drops"}
    assert start().found(between) == {"1": "VPN fixed", "2": "printer on fire"}


def test_a_state_whose_time_is_over_is_gone(process: Process, start: Start, time: Clock) -> None:
    process.write({"1": "VPN drops"})
    held = process.ref()
    process.write({"1": "VPN fixed"})
    hours(start(), time, 4)
    with pytest.raises(IndexDamagedError):
        start().found(held)


def test_two_sweeps_at_once_are_one(process: Process, start: Start, time: Clock, aws: Aws) -> None:
    for number in range(5):
        process.write({str(number): "VPN drops"})
    one, two = start(), start()
    for _ in range(5):
        one.store.sweep()
        assert two.store.sweep() == 0
        time.forward(hours=1)
    assert set(aws.packs()) == used(process)


# --- compaction -------------------------------------------------------------------------------------------------------


def compact(process: Process, after: timedelta) -> None:
    """Write again what is left in segments that are dirty for longer, as whoever compacts does from the table."""
    since = clock.timestamp(clock.now() - after)
    segments = process.store.map(process.ref()).segments
    index = process.store.open(process.ref(), opening)
    left: dict[str, str | None] = {}
    for ordinal, segment in enumerate(segments):
        if segment.dirty_since and segment.dirty_since <= since:
            left |= found(index, ordinal)
    if left:
        process.write(left)


def holds(aws: Aws, word: str) -> set[str]:
    return {pack for pack, content in aws.packs().items() if word.encode() in content}


def test_deleted_text_has_left_all_packs_after_24_hours(process: Process, start: Start, aws: Aws, time: Clock) -> None:
    process.write({str(number): f"VPN drops {number}" for number in range(300)})
    process.write({"secret": f"the word is {SECRET}", "other": "nothing to hide"})
    process.write({"changed": f"once {SECRET}"})
    assert holds(aws, SECRET)
    process.write({"secret": None, "changed": "no more"})
    assert holds(aws, SECRET), "a tombstone does not delete"
    for hour in range(24):
        time.forward(hours=1)
        compact(start(), timedelta(hours=12))
        start().store.sweep()
        if hour % 5 == 0:
            process.write({"busy": f"hour {hour}"})
    assert holds(aws, SECRET) == set()
    expected = {str(number): f"VPN drops {number}" for number in range(300)}
    assert start().found() == expected | {"other": "nothing to hide", "changed": "no more", "busy": "hour 20"}
    assert set(aws.packs()) >= used(process)


def test_no_segment_stays_dirty_where_all_are_compacted(process: Process, start: Start, time: Clock) -> None:
    for number in range(sized(30, short=10)):
        process.write({str(number): "VPN drops", str(number // 2): f"again {number}", str(number // 3): None})
    expected = process.found()
    time.forward(hours=1)
    compact(start(), timedelta())
    assert [each.dirty_since for each in process.store.map(process.ref()).segments if each.dirty_since] == []
    assert start().found() == expected
