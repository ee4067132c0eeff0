"""An index from end to end: states are written, put into use, and read by other processes, with the real engine."""

from dataclasses import replace
from pathlib import Path

import pytest
import tantivy

from tests.harness.size import sized
from tests.unit.conftest import Clock
from tests.unit.index.support import Aws, Process, Start, commit, found, opening
from ticketing.index import writing as module
from ticketing.index.errors import IndexDamagedError, LostRaceError
from ticketing.index.heads import Pointer, Ref, Slot
from ticketing.index.maps import is_tombstones

SINCE = "2026-02-02T08:15:04.120Z"


def test_another_process_reads_what_was_written(process: Process, start: Start) -> None:
    process.write({"1": "VPN drops", "2": "printer on fire"})
    process.write({"1": "VPN fixed", "2": None, "3": "keyboard gone"})
    reader = start()
    assert reader.found() == process.found() == {"1": "VPN fixed", "3": "keyboard gone"}
    map_ = reader.store.map(reader.ref())
    assert map_.documents == 2
    assert map_.size == sum(path.stat().st_size for path in (reader.root / "acme" / "packs").rglob("*.*"))


def test_a_commit_is_one_pack_and_one_write(process: Process) -> None:
    process.write({"1": "VPN drops"})
    process.calls.made.clear()
    process.write({"2": "printer on fire"})
    assert process.calls.made == ["get_item", "put_object", "put_item"]


def test_a_small_index_is_fetched_by_a_request_for_each_pack(process: Process, start: Start) -> None:
    for number in range(3):
        process.write({str(number): "VPN drops"})
    reader = start()
    reader.found()
    assert reader.calls.made == ["get_item", *["get_object"] * 3]


def test_a_state_is_opened_once(process: Process) -> None:
    process.write({"1": "VPN drops"})
    ref, opened = process.ref(), list[Path]()

    def counting(folder: Path) -> tantivy.Index:
        opened.append(folder)
        return opening(folder)

    process.calls.made.clear()
    first, second = (process.store.open(ref, counting) for _ in range(2))
    assert first is second
    assert len(opened) == 1
    assert process.calls.made == []


def test_only_what_is_new_is_fetched(process: Process, start: Start) -> None:
    reader = start()
    process.write({str(number): "VPN drops, " * 100 for number in range(500)})
    reader.found()
    before = reader.store.fetched
    process.write({"new": "printer on fire"})
    assert "new" in reader.found()
    assert reader.store.fetched - before < 10_000 < before


def test_tenants_are_apart(process: Process, start: Start) -> None:
    process.write({"1": "VPN drops"})
    theirs = start(tenant_id="globex")
    assert theirs.store.pointer() == Pointer()
    with pytest.raises(IndexDamagedError):
        theirs.store.open(process.ref(), opening)


def test_an_index_of_nothing_is_an_index(process: Process, start: Start) -> None:
    process.write({})
    assert start().found() == {}
    process.write({"1": "VPN drops"})
    process.write({"1": None})
    assert start().found() == {}
    assert start().store.map(process.ref()).segments == ()


def test_nothing_committed_is_no_state(process: Process) -> None:
    with process.store.writing(None) as writing:
        assert writing.put() is None


def test_nothing_changed_is_the_same_state(process: Process, aws: Aws) -> None:
    process.write({"1": "VPN drops"})
    ref, packs = process.ref(), aws.packs()
    process.write({"2": None})
    assert process.ref() == ref
    assert aws.packs() == packs
    assert process.store.pointer().n == 2


def test_a_state_that_was_never_put_into_use_changes_nothing(process: Process, start: Start) -> None:
    process.write({"1": "VPN drops"})
    other = start()
    pointer = other.store.pointer()
    with other.store.writing(process.ref()) as writing:
        commit(writing.folder, {"1": "overwritten", "2": "printer on fire"})
        lost = writing.put()
    process.write({"3": "keyboard gone"})
    with pytest.raises(LostRaceError):
        other.store.replace(pointer, serving=Slot(1, lost), building=None)
    assert start().found() == other.found() == {"1": "VPN drops", "3": "keyboard gone"}


def test_two_indexes_are_written_side_by_side(process: Process, start: Start) -> None:
    process.write({"1": "VPN drops"})
    pointer = process.store.pointer()
    assert pointer.serving is not None
    with process.store.writing(pointer.serving.ref) as serving, process.store.writing(None) as building:
        commit(serving.folder, {"2": "printer on fire"})
        commit(building.folder, {"2": "printer on fire"})
        slots = replace(pointer.serving, ref=serving.put()), Slot(2, building.put(), walk={"next": "x"})
    process.store.replace(pointer, serving=slots[0], building=slots[1])
    reader = start()
    pointer = reader.store.pointer()
    assert [found(reader.store.open(ref, opening)) for ref in pointer.refs] == [
        {"1": "VPN drops", "2": "printer on fire"},
        {"2": "printer on fire"},
    ]
    reader.store.replace(pointer, serving=pointer.building, building=None)
    assert start().found() == {"2": "printer on fire"}


# --- what is in which pack --------------------------------------------------------------------------------------------


def texts_by_pack(process: Process, ref: Ref) -> dict[str, set[str]]:
    """Return the segments whose texts are in a pack, for all packs."""
    by_pack: dict[str, set[str]] = {}
    for name, place in process.store.map(ref).files.items():
        segments = by_pack.setdefault(place.pack, set())
        if not is_tombstones(name):
            segments.add(name.partition(".")[0])
    return by_pack


def test_no_pack_has_texts_of_two_segments_and_none_is_used_in_part(process: Process, aws: Aws) -> None:
    """However many commits and merges: what was written together goes together."""
    written: dict[str, set[str]] = {}
    merged = 0
    for number in range(sized(40, short=16)):
        process.write({str(number): f"text {number}", str(number // 2): "again", str(number // 3): None})
        ref = process.ref()
        now = texts_by_pack(process, ref)
        assert all(len(segments) < 2 for segments in now.values())
        for pack, segments in now.items():
            assert written.setdefault(pack, segments) == segments, "a part of a pack is in use"
        merged += len(now) < len(written)
    assert merged
    assert len(now) < 20
    assert process.found() == aws.start().found()


def test_tombstones_move_on_when_the_segment_beside_them_is_gone(process: Process, start: Start) -> None:
    process.write({str(number): "VPN drops" for number in range(50)})
    process.write({"1": "changed"})
    beside = process.ref().pack
    tombstones = {name for name in process.store.map(process.ref()).files if is_tombstones(name)}
    process.write({"1": None})
    map_ = start().store.map(process.ref())
    assert {name for name in map_.files if is_tombstones(name)} == tombstones
    assert len(tombstones) == 1
    assert beside not in map_.packs
    assert set(start().found()) == {str(number) for number in range(50)} - {"1"}


def test_a_small_segment_travels_in_the_head_and_a_large_one_does_not(
    process: Process, start: Start, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_IN_HEAD", 5_000)
    monkeypatch.setattr(module, "_ALONE", 20_000)
    process.write({"1": "VPN drops"})
    assert set(aws.packs()) == {process.ref().pack}
    words = {str(number): f"VPN drops {number**5} {number**7}" for number in range(2000)}
    process.write(words)
    map_ = start().store.map(process.ref())
    segment = max(map_.segments, key=lambda each: each.documents).id
    places = {name: place for name, place in map_.files.items() if name.startswith(segment)}
    assert process.ref().pack not in {place.pack for place in places.values()}
    alone = [place.pack for place in places.values() if place.length >= 20_000]
    together = {place.pack for place in places.values() if place.length < 20_000}
    assert (len(set(alone)), len(together)) == (len(alone), 1)
    assert len(alone) > 1
    assert start().found() == words


def test_of_several_new_segments_the_smallest_travels_in_the_head(process: Process, start: Start) -> None:
    pointer = process.store.pointer()
    with process.store.writing(None) as writing:
        commit(writing.folder, {str(number): "VPN drops" for number in range(10)})
        commit(writing.folder, {"new": "printer on fire"})
        ref = writing.put()
    process.store.replace(pointer, serving=Slot(1, ref), building=None)
    assert ref is not None
    places = start().store.map(ref)
    small = min(places.segments, key=lambda each: each.documents).id
    in_head = {name.partition(".")[0] for name, place in places.files.items() if place.pack == ref.pack}
    assert in_head == {small}
    assert len(start().found()) == 11


def test_a_segment_is_dirty_since_its_first_deleted_document(process: Process, start: Start, time: Clock) -> None:
    process.write({str(number): "VPN drops" for number in range(10)})
    assert [each.dirty_since for each in process.store.map(process.ref()).segments] == [None]
    process.write({"1": None})
    time.forward(hours=3)
    process.write({"2": "changed"})
    segments = start().store.map(process.ref()).segments
    assert [(each.documents, each.deleted, each.dirty_since) for each in segments] == [(8, 2, SINCE), (1, 0, None)]


def test_segments_are_in_the_engines_order(process: Process) -> None:
    for number in range(5):
        process.write({f"{number}-{each}": "VPN drops" for each in range(number * 3 % 7)})
    index = process.store.open(process.ref(), opening)
    counts = [len(found(index, ordinal)) for ordinal in range(index.searcher().num_segments)]
    assert [each.documents for each in process.store.map(process.ref()).segments] == counts


# --- the end ----------------------------------------------------------------------------------------------------------


def test_nothing_is_left_of_an_erased_index(process: Process, start: Start, aws: Aws) -> None:
    start(tenant_id="globex").write({"1": "theirs"})
    for number in range(3):
        process.write({str(number): "VPN drops"})
    process.store.sweep()
    assert process.store.erase(lambda: True)
    assert process.store.pointer() == Pointer()
    assert aws.packs() == {}
    assert len(aws.packs("globex")) == 1


def test_erasing_goes_on_where_time_ran_out(process: Process, aws: Aws) -> None:
    process.write({"1": "VPN drops"})
    assert not process.store.erase(lambda: False)
    assert len(aws.packs()) == 1
    assert process.store.erase(lambda: True)
