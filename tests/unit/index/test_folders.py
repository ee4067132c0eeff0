"""The disk of a process: bounded, shared by states, and free of what dead processes left."""

import fcntl
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import tantivy

from tests.harness.size import sized
from tests.unit.index.support import Process, Start, commit, opening
from ticketing.ids import new_id
from ticketing.index import folders as module
from ticketing.index.errors import IndexDamagedError
from ticketing.index.folders import Folders, folders_of_process
from ticketing.index.heads import Ref
from ticketing.index.maps import Map, Place


class Disk:
    """The folders of a process, and states made of files with these numbers of bytes."""

    def __init__(self, root: Path, most_bytes: int) -> None:
        self.root = root
        self.folders = Folders(root, most_bytes)
        self.provided: list[str] = []

    def add(self, *files: tuple[str, int], tenant_id: str = "acme") -> Ref:
        ref = Ref(new_id(), "0" * 64)
        places = {f"{name * 32}.fast": Place(f"pack-{name}", 0, length, "") for name, length in files}
        self.folders.add(tenant_id, ref, Map({"segments": []}, places, {}), self._provide)
        return ref

    def _provide(self, missing: Mapping[Path, Place]) -> None:
        for path, place in missing.items():
            path.write_bytes(b"x" * place.length)
            self.provided.append(place.pack[-1])

    def names(self, *states: Ref) -> set[str]:
        """Return the files in the folders of states."""
        found = [self.folders.get("acme", ref) for ref in states]
        return {path.name[0] for state in found if state for path in state.folder.iterdir()} - {"m"}

    def bytes(self) -> int:
        return sum(path.stat().st_size for path in self.root.glob("*/packs/*/*"))


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path, 100)


def test_a_file_is_brought_and_kept_once(disk: Disk) -> None:
    one = disk.add(("a", 30), ("b", 30))
    two = disk.add(("b", 30), ("c", 30))
    assert disk.provided == ["a", "b", "c"]
    assert disk.bytes() == 90
    assert (disk.names(one), disk.names(two)) == ({"a", "b"}, {"b", "c"})


def test_the_state_that_was_used_longest_ago_makes_room(disk: Disk) -> None:
    one, two = disk.add(("a", 40)), disk.add(("b", 40), tenant_id="globex")
    disk.folders.get("acme", one)
    disk.add(("c", 40))
    assert disk.folders.get("globex", two) is None
    assert disk.folders.get("acme", one) is not None
    assert disk.bytes() == 80


def test_what_another_state_needs_stays(disk: Disk) -> None:
    one = disk.add(("a", 40), ("b", 20))
    two = disk.add(("b", 20), ("c", 40))
    three = disk.add(("c", 40), ("d", 40))
    assert disk.provided == ["a", "b", "c", "d"]
    assert disk.folders.get("acme", one) is None
    assert (disk.names(two), disk.names(three)) == ({"b", "c"}, {"c", "d"})
    assert disk.bytes() == 100


def test_a_file_that_made_room_is_brought_again(disk: Disk) -> None:
    disk.add(("a", 60))
    both = disk.add(("a", 60), ("b", 60))
    assert disk.provided == ["a", "a", "b"]
    assert disk.names(both) == {"a", "b"}


def test_one_state_may_be_larger_than_all_may(disk: Disk) -> None:
    large = disk.add(("a", 500))
    assert disk.names(large) == {"a"}
    disk.add(("b", 10))
    assert disk.bytes() == 10


def test_former_states_make_room_for_each_other(disk: Disk) -> None:
    other = disk.add(("a", 1), tenant_id="globex")
    states = [disk.add((each, 1)) for each in "abcdef0123456789"]
    assert [disk.folders.get("acme", each) is not None for each in states] == [False] * 12 + [True] * 4
    assert disk.folders.get("globex", other) is not None
    assert disk.bytes() == 5


def test_few_states_are_open(disk: Disk) -> None:
    states = {f"tenant-{each}": disk.add(("a", 1), tenant_id=f"tenant-{each}") for each in range(40)}
    kept = [tenant_id for tenant_id, ref in states.items() if disk.folders.get(tenant_id, ref)]
    assert kept == [f"tenant-{each}" for each in range(8, 40)]
    assert disk.bytes() == 32


def test_what_was_opened_is_dropped_with_its_folder(disk: Disk) -> None:
    state = disk.folders.get("acme", disk.add(("a", 60)))
    assert state is not None
    state.opened = "opened"
    disk.add(("b", 60))
    assert state.opened is None
    assert not state.folder.exists()


def test_a_state_that_does_not_come_leaves_nothing(disk: Disk) -> None:
    kept = disk.add(("a", 10))
    places = {f"{each * 32}.fast": Place(f"pack-{each}", 0, 10, "") for each in "abc"}

    def provide(missing: Mapping[Path, Place]) -> None:
        next(iter(missing)).write_bytes(b"x")
        raise IndexDamagedError

    lost = Ref(new_id(), "0" * 64)
    with pytest.raises(IndexDamagedError):
        disk.folders.add("acme", lost, Map({"segments": []}, places, {}), provide)
    assert disk.folders.get("acme", lost) is None
    assert disk.names(kept) == {"a"}
    assert [path.name for path in disk.root.glob("*/packs/*")] == ["pack-a"]
    disk.add(("b", 10))
    assert disk.provided == ["a", "b"]


def test_a_writers_files_stay_while_it_writes(disk: Disk) -> None:
    state = disk.folders.get("acme", disk.add(("a", 60)))
    with disk.folders.scratch("acme", state) as folder:
        disk.add(("b", 60))
        assert [path.name[0] for path in folder.glob("*.fast")] == ["a"]
    assert not folder.exists()
    assert disk.bytes() == 60


def test_disks_stay_bounded_however_much_is_written_and_read(start: Start) -> None:
    most = 8_000
    writer, reader, unbounded = start(most_bytes=most), start(most_bytes=most), start()
    for number in range(sized(30, short=12)):
        writer.write({str(number): f"VPN drops {number}", str(number // 2): "again " * number})
        size = reader.store.map(reader.ref()).size
        for process in (writer, reader, unbounded):
            process.found()
        assert max(writer.bytes(), reader.bytes()) <= max(most, size)
    assert unbounded.bytes() > most
    assert len(list(reader.root.glob("acme/states/*"))) <= 4
    assert list(writer.root.glob("acme/writing/*")) == []
    assert reader.found() == writer.found()


def test_a_state_that_is_open_can_be_read_after_it_made_room(process: Process) -> None:
    process.write({"1": "VPN drops"})
    index = process.store.open(process.ref(), opening)
    searcher = index.searcher()
    for number in range(12):
        process.write({"2": f"again {number}"})
        process.found()
    assert searcher.num_docs == 1
    assert len(searcher.search(tantivy.Query.all_query()).hits) == 1


def test_a_failed_write_leaves_nothing_on_the_disk(process: Process) -> None:
    process.write({"1": "VPN drops"})
    before = process.bytes()
    with pytest.raises(ZeroDivisionError), process.store.writing(process.ref()) as writing:
        commit(writing.folder, {"2": str(1 / 0)})
    assert process.bytes() == before


# --- the process's own folder -----------------------------------------------------------------------------------------


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Let this process have just begun, with a temporary folder of its own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(module, "_held", [])
    folders_of_process.cache_clear()
    yield tmp_path
    folders_of_process.cache_clear()


def test_a_process_has_one_folder(temporary: Path) -> None:
    assert folders_of_process() is folders_of_process()
    (folder,) = temporary.iterdir()
    assert [path.name for path in folder.iterdir()] == ["lock"]
    assert 0 < folders_of_process()._most_bytes <= 4 * 2**30


def test_what_dead_processes_left_is_deleted_and_nothing_else(temporary: Path) -> None:
    dead, alive, beginning = (temporary / f"search-indexes-{each}" for each in range(3))
    others = temporary / "something-else"
    for folder in (dead, alive, beginning, others):
        folder.mkdir()
        (folder / "file").write_text("x")
    (dead / "lock").touch()
    with (alive / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folders_of_process()
    assert not dead.exists()
    assert all(each.exists() for each in (alive, beginning, others))
