"""The map in a head: every byte of it counts, and it names nothing but files of the engine."""

import json

import pytest

from ticketing.index.errors import IndexDamagedError
from ticketing.index.maps import HERE, Map, Place, Segment, digest_of, live_files

A, B = "a" * 32, "b" * 32
UUID_A = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
UUID_B = "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb"
META = {
    "segments": [
        {"segment_id": UUID_A, "max_doc": 30, "deletes": {"num_deleted_docs": 4, "opstamp": 77}},
        {"segment_id": UUID_B, "max_doc": 5, "deletes": None},
    ],
    "opstamp": 80,
}
SINCE = "2026-02-02T08:15:04.120Z"
WRITTEN = Map(
    META,
    {
        f"{A}.store": Place("other", 7, 11, "aa"),
        f"{A}.77.del": Place(HERE, 0, 4, "bb"),
        f"{B}.pos": Place(HERE, 4, 3, "c"),
    },
    {A: SINCE},
)


def test_a_map_is_read_as_it_was_written() -> None:
    line = WRITTEN.line()
    read = Map.of_head("head", line + b"dels" + b"pos", digest_of(line))
    assert read.meta == META
    assert read.dirty == {A: SINCE}
    assert read.files == {
        f"{A}.store": Place("other", 7, 11, "aa"),
        f"{A}.77.del": Place("head", len(line), 4, "bb"),
        f"{B}.pos": Place("head", len(line) + 4, 3, "c"),
    }


def test_a_map_tells_of_its_segments() -> None:
    assert WRITTEN.segments == (Segment(A, 26, 4, SINCE), Segment(B, 5, 0, None))
    assert (WRITTEN.documents, WRITTEN.size) == (31, 18)
    line = WRITTEN.line()
    assert Map.of_head("head", line, digest_of(line)).packs == {"head", "other"}


def test_every_flipped_bit_is_noticed() -> None:
    line = WRITTEN.line()
    for bit in range(8 * len(line)):
        altered = bytearray(line)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(IndexDamagedError):
            Map.of_head("head", bytes(altered), digest_of(line))


@pytest.mark.parametrize("content", [b"", b"no line", b"\n", b"[]\n", b"{}\n", b'{"files": [1]}\n', b"\xff\n"])
def test_what_is_no_map_is_damaged_even_if_its_digest_is_right(content: bytes) -> None:
    with pytest.raises(IndexDamagedError):
        Map.of_head("head", content, digest_of(content))


def test_a_name_leads_nowhere_else() -> None:
    names = ("../../x.fast", "meta.json", f"{A}.fast/../x", f"{A}.fast\n", f"{A}.fast")
    files = {name: ["", 0, 1, "aa"] for name in names}
    line = json.dumps({"meta": META, "files": files, "dirty": {}}).encode() + b"\n"
    assert set(Map.of_head("head", line, digest_of(line)).files) == {f"{A}.fast"}


def test_files_of_former_states_are_not_live() -> None:
    there = {f"{A}.store", f"{A}.77.del", f"{A}.60.del", f"{B}.pos", f"{B}.60.del", f"{'c' * 32}.store", "meta.json"}
    there |= {".managed.json", ".tantivy-writer.lock"}
    assert live_files(META, there) == {f"{A}.store", f"{A}.77.del", f"{B}.pos"}
