"""States of indexes on this process's own disk, as folders that an engine can open; bounded, the latest used stay.

A file is on the disk once, under `packs`, however many states it is in: their folders are made of hard links. So the
links of a file tell whether anybody needs it. Nothing is ever changed in place.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from ticketing.index.maps import META, Map, Place

if TYPE_CHECKING:
    from ticketing.index.heads import Ref

_MOST_STATES: Final = 32
"""How many states stay, at most: what an engine has opened takes memory, too."""

_OF_ONE_TENANT: Final = 4
"""How many of them are one tenant's: its former states make room for each other, not for other tenants'."""

_SHARE: Final = 0.6
"""The share of the disk that states may take: a writer merges segments beside them."""

_MOST_BYTES: Final = 4 * 2**30

_PREFIX: Final = "search-indexes-"

_LOCK: Final = "lock"

_held: Final[list[TextIO]] = []
"""The open file of this process's lock: closing it gives the lock up."""


@dataclass(slots=True)
class State:
    """A state of an index on this disk."""

    ref: Ref
    map: Map
    files: Mapping[str, Path]
    """Where its files are, by their names."""
    folder: Path
    """Where an engine finds them."""
    opened: Any = field(default=None)
    """What the engine has made of the folder, once somebody has opened it."""

    def places(self) -> Iterator[tuple[Path, Place]]:
        """Yield its files here, and where they are in packs."""
        return ((path, self.map.files[name]) for name, path in self.files.items())


type Provide = Callable[[Mapping[Path, Place]], None]
"""What brings files to paths."""


class Folders:
    """The states of indexes that this process has used last, of all tenants. One thread uses them."""

    def __init__(self, root: Path, most_bytes: int) -> None:
        self._root = root
        self._most_bytes = most_bytes
        self._states: OrderedDict[tuple[str, Ref], State] = OrderedDict()

    def get(self, tenant_id: str, ref: Ref) -> State | None:
        """Return a state if it is here."""
        found = self._states.get((tenant_id, ref))
        if found is not None:
            self._states.move_to_end((tenant_id, ref))
        return found

    def add(self, tenant_id: str, ref: Ref, map_: Map, provide: Provide) -> State:
        """Bring a state here that is not: `provide` brings those of its files that are in no other.

        Others make room for it. A single state that is larger than what all may take is there all the same.
        """
        home = self._root / tenant_id
        files = {name: home / "packs" / place.pack / name for name, place in map_.files.items()}
        state = State(ref, map_, files, home / "states" / ref.pack)
        missing = self._make_room(tenant_id, state)
        try:
            for path in missing:
                path.parent.mkdir(parents=True, exist_ok=True)
            provide(missing)
            state.folder.mkdir(parents=True)
            _fill(state.folder, state)
        except BaseException:
            self._delete(state)
            raise
        self._states[tenant_id, ref] = state
        return state

    @contextmanager
    def scratch(self, tenant_id: str, state: State | None) -> Iterator[Path]:
        """Give a folder for writing, with the files of a state or nothing in it, and delete it at the end."""
        writing = self._root / tenant_id / "writing"
        writing.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=writing))
        try:
            if state:
                _fill(folder, state)
            yield folder
        finally:
            shutil.rmtree(folder)
            if state:
                _delete_unused(state)  # it may have made room meanwhile

    def _make_room(self, tenant_id: str, state: State) -> dict[Path, Place]:
        """Drop the states that were used longest ago, as many as have to go, and return the files that are missing."""
        of_tenant = [key for key in self._states if key[0] == tenant_id]
        for key in of_tenant[: max(0, len(of_tenant) + 1 - _OF_ONE_TENANT)]:
            self._delete(self._states.pop(key))
        while True:
            missing = {path: place for path, place in state.places() if not path.exists()}
            here = {path: place for each in self._states.values() for path, place in each.places()}
            needed = sum(place.length for place in (here | missing).values())
            if not self._states or (needed <= self._most_bytes and len(self._states) < _MOST_STATES):
                return missing
            _, oldest = self._states.popitem(last=False)
            self._delete(oldest)

    @staticmethod
    def _delete(state: State) -> None:
        state.opened = None  # as long as it has files open, they take their room
        shutil.rmtree(state.folder, ignore_errors=True)  # it may not have come to be
        _delete_unused(state)


def _fill(folder: Path, state: State) -> None:
    for name, path in state.files.items():
        (folder / name).hardlink_to(path)
    (folder / META).write_text(json.dumps(state.map.meta), encoding="utf-8")


def _delete_unused(state: State) -> None:
    """Delete those of a state's files that no folder has a link to."""
    for path in state.files.values():
        if path.exists() and path.stat().st_nlink == 1:
            path.unlink()
    for pack in {path.parent for path in state.files.values()}:
        if pack.exists() and not any(pack.iterdir()):
            pack.rmdir()


@cache
def folders_of_process() -> Folders:
    """Return this process's folders, made when they are first needed. What dead processes have left is deleted."""
    everybodys = Path(tempfile.gettempdir())
    for folder in everybodys.glob(f"{_PREFIX}*"):
        _delete_dead(folder)
    root = Path(tempfile.mkdtemp(prefix=_PREFIX))
    _lock(root)
    most = min(_MOST_BYTES, int(shutil.disk_usage(everybodys).total * _SHARE))
    return Folders(root, most)


def _lock(root: Path) -> None:
    """Lock a folder for as long as this process lives: the lock is there before others can look for it."""
    made = root / f"{_LOCK}.new"
    file = made.open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    made.rename(root / _LOCK)
    _held.append(file)


def _delete_dead(folder: Path) -> None:
    """Delete the folder of a process that does not live any more, as one that was killed for taking too long."""
    try:
        with (folder / _LOCK).open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # it lives, is being made, or was deleted by another
        return
