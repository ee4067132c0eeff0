"""Damaged packs: whatever happens to a byte of an index in use, it is noticed, and never a wrong answer."""

import random

import pytest

from tests.harness.size import sized
from tests.unit.index.support import PACKS, Aws, Process, Start, commit
from ticketing.index.errors import IndexDamagedError
from ticketing.index.heads import Slot

BITS = sized(range(120), short=range(20))


@pytest.fixture
def several(process: Process) -> Process:
    """Write an index of several packs, in which documents are deleted."""
    process.write({str(number): f"VPN drops {number}" for number in range(50)})
    process.write({"1": None, "2": "printer on fire"})
    process.write({"3": "keyboard gone"})
    return process


def test_a_flipped_bit_is_noticed_wherever_it_is(several: Process, start: Start, aws: Aws) -> None:
    expected, ref, packs = several.found(), several.ref(), aws.packs()
    draw = random.Random(12)  # noqa: S311 - the same bits each time
    noticed = 0
    for _ in BITS:
        pack = draw.choice(sorted(packs))
        altered = bytearray(packs[pack])
        altered[draw.randrange(len(altered))] ^= 1 << draw.randrange(8)
        aws.alter(pack, bytes(altered))
        reader = start()
        try:
            assert reader.found(ref) == expected, "it was in a part that this state does not use"
        except IndexDamagedError:
            noticed += 1
            assert [path for path in reader.root.rglob("*") if path.is_file()] == []
        aws.alter(pack, packs[pack])
    assert noticed > len(BITS) / 2
    assert start().found(ref) == expected


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_pack_is_noticed(kept: float, several: Process, start: Start, aws: Aws) -> None:
    for pack, content in aws.packs().items():
        if pack in several.store.map(several.ref()).packs | {several.ref().pack}:
            aws.alter(pack, content[: int(kept * len(content))])
            with pytest.raises(IndexDamagedError):
                start().found()
            aws.alter(pack, content)


def test_a_missing_pack_is_noticed(several: Process, start: Start, aws: Aws) -> None:
    for pack in several.store.map(several.ref()).packs | {several.ref().pack}:
        content = aws.packs()[pack]
        aws.lose(pack)
        with pytest.raises(IndexDamagedError):
            start().found()
        aws.s3.put_object(Bucket=PACKS, Key=f"acme/{pack}", Body=content)


def test_nothing_is_written_upon_a_damaged_index(several: Process, start: Start, aws: Aws) -> None:
    pack = several.ref().pack
    aws.alter(pack, aws.packs()[pack][:-1])
    before = several.store.pointer()
    with pytest.raises(IndexDamagedError):
        start().write({"4": "new"})
    assert start().store.pointer() == before


def test_nothing_is_swept_beside_a_damaged_index(several: Process, start: Start, aws: Aws) -> None:
    with start().store.writing(None) as writing:
        commit(writing.folder, {"1": "of nobody"})
        writing.put()
    aws.lose(several.ref().pack)
    packs = aws.packs()
    with pytest.raises(IndexDamagedError):
        start().store.sweep()
    assert aws.packs() == packs


def test_it_is_written_again_beside_what_is_left(several: Process, start: Start, aws: Aws) -> None:
    """As whoever rebuilds it does: from nothing, and then in place of the other."""
    aws.lose(several.ref().pack)
    writer = start()
    pointer = writer.store.pointer()
    with writer.store.writing(None) as writing:
        commit(writing.folder, {"1": "VPN drops"})
        ref = writing.put()
    writer.store.replace(pointer, serving=Slot(1, ref, complete=True), building=None)
    assert start().found() == {"1": "VPN drops"}
