"""The journal's file, whatever a crash has left of it."""

import asyncio
import os
from pathlib import Path

import pytest

from local.durable.journal import Change, Journal, JournalError

ONE: Change = ("table", "a", "b", {"title": {"S": "é\n"}})
GONE: Change = ("table", "a", "b", None)


def read(path: Path) -> list[list[Change]]:
    return list(Journal(path).read())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def journal(path: Path) -> Journal:
    journal = Journal(path)
    assert list(journal.read()) == []
    return journal


def test_lines_come_back_in_order(journal: Journal, path: Path) -> None:
    journal.append([ONE])
    journal.append([GONE, ONE])
    assert read(path) == [[ONE], [GONE, ONE]]


@pytest.mark.parametrize("kept", range(1, 30))
def test_a_last_line_without_an_end_is_cut_off(journal: Journal, path: Path, kept: int) -> None:
    journal.append([ONE])
    whole = path.stat().st_size
    journal.append([GONE])
    os.truncate(path, min(whole + kept, path.stat().st_size - 1))
    again = Journal(path)
    assert list(again.read()) == [[ONE]]
    again.append([GONE])
    assert read(path) == [[ONE], [GONE]]


@pytest.mark.parametrize("line", ["{\n", "[[1]]\n", "null\n", "[\n"])
def test_a_damaged_line_is_named(journal: Journal, path: Path, line: str) -> None:
    journal.append([ONE])
    with path.open("a") as file:
        file.write(line)
    with pytest.raises(JournalError, match=r"journal, line 2 is damaged.*make reset"):
        read(path)


def test_a_rewrite_replaces_the_lines_and_goes_on(journal: Journal, path: Path) -> None:
    for _ in range(5):
        journal.append([ONE])
    journal.rewrite([ONE])
    assert journal.lines == 1
    journal.append([GONE])
    assert read(path) == [[ONE], [GONE]]


def test_a_rewrite_that_was_cut_short_changes_nothing(journal: Journal, path: Path) -> None:
    journal.append([ONE])
    path.with_name("journal.new").write_text("[half")
    assert read(path) == [[ONE]]


def test_writers_that_wait_together_share_a_sync(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)

    async def write() -> None:
        journal.append([ONE])
        await journal.sync()

    async def write_all() -> None:
        await asyncio.gather(*(write() for _ in range(20)))

    asyncio.run(write_all())
    assert 1 <= len(synced) <= 2


def test_a_failed_sync_is_not_an_acknowledgement(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", fail)
    journal.append([ONE])
    with pytest.raises(OSError, match="No space"):
        asyncio.run(journal.sync())


def test_a_full_disk_leaves_no_half_line_and_loses_no_change(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, room = os.write, [5, 0, 0]

    def write_what_fits(file: int, line: bytes) -> int:
        if not (fits := room.pop(0)):
            raise OSError(28, "No space left on device")
        return write(file, line[:fits])

    journal.append([ONE])
    whole = path.read_bytes()
    with monkeypatch.context() as full:
        full.setattr(os, "write", write_what_fits)
        for _ in range(2):
            with pytest.raises(OSError, match="No space"):
                journal.append([GONE])
            assert path.read_bytes() == whole
    journal.append([ONE])
    assert read(path) == [[ONE], [GONE, GONE, ONE]]
