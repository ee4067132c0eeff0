"""The next state of an index: which files of it are new, how they are divided into packs, and its head."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ticketing import clock
from ticketing.ids import new_id
from ticketing.index.heads import Ref
from ticketing.index.maps import (
    HERE,
    META,
    Map,
    Place,
    deleted,
    digest_of,
    is_tombstones,
    live_files,
    segment_id,
    segment_of,
)

if TYPE_CHECKING:
    from ticketing.index.folders import State
    from ticketing.index.packs import Packs

_IN_HEAD: Final = 2**18
"""The most bytes of a segment that travels in the head: every reader fetches the whole head."""

_ALONE: Final = 2**22
"""So many bytes make a file a pack of its own. Others of its segment are put together, in memory."""


class Writing:
    """A state of an index that is being written.

    `folder` holds the files of the state that it began with, or nothing; whoever writes there closes the engine, merges
    included, before `put`. The engine writes no name twice in a folder: a file with the name of one from before is it.
    """

    def __init__(self, folder: Path, base: State | None, packs: Packs, keep: Callable[[Ref, Map, Path], None]) -> None:
        self.folder = folder
        self._base = base
        self._packs = packs
        self._keep = keep

    def put(self) -> Ref | None:
        """Put what was committed in the folder into packs, and return its name; nobody uses it yet.

        It is the state that it began with (None: an empty index) if no file is new and none is gone. No pack ever holds
        the texts of two segments, and no pack is left in use by a part of what it was written for: so deleted
        texts are in no pack in use, but in the segments that are dirty.
        """
        committed = self.folder / META
        if not committed.exists():
            return None
        meta: dict[str, Any] = json.loads(committed.read_bytes())
        live = live_files(meta, (path.name for path in self.folder.iterdir()))
        before = self._base.map.files if self._base else {}
        if self._base and live == before.keys():
            return self._base.ref
        spent = {place.pack for name, place in before.items() if name not in live and not is_tombstones(name)}
        kept = {name: place for name, place in before.items() if name in live and place.pack not in spent}
        in_head, packed = self._divided(live - kept.keys())
        packs = {new_id(): names for names in packed}
        new = [(HERE, in_head), *packs.items()]
        places = {name: place for pack, names in new for name, place in self._placed(pack, names)}
        line, head = Map(meta, kept | places, self._dirty(meta)).line(), new_id()
        self._packs.put({pack: self._content(names) for pack, names in packs.items()})
        self._packs.put({head: line + self._joined(in_head)})
        ref = Ref(head, digest_of(line))
        self._keep(ref, Map.of_head(head, line, ref.digest), self.folder)
        return ref

    def _dirty(self, meta: Mapping[str, Any]) -> dict[str, str]:
        before = self._base.map.dirty if self._base else {}
        now = clock.timestamp(clock.now())
        return {name: before.get(name, now) for name in map(segment_id, filter(deleted, meta["segments"]))}

    def _divided(self, names: Collection[str]) -> tuple[list[str], list[list[str]]]:
        """Return which of the files travel in the head, and which go into each new pack.

        Tombstones and the smallest segment, if it is small, are in the head.
        """
        in_head = sorted(filter(is_tombstones, names))
        segments = [list(found) for _, found in groupby(sorted(set(names) - set(in_head)), segment_of)]
        segments.sort(key=self._size)
        if segments and self._size(segments[0]) <= _IN_HEAD:
            in_head += segments.pop(0)
        alone = [[name] for segment in segments for name in segment if self._size([name]) >= _ALONE]
        together = [[name for name in segment if self._size([name]) < _ALONE] for segment in segments]
        return in_head, [*alone, *filter(None, together)]

    def _placed(self, pack: str, names: Iterable[str]) -> Iterator[tuple[str, Place]]:
        """Yield where files are in a pack that holds them one after the other."""
        offset = 0
        for name in names:
            with (self.folder / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                length = file.tell()
            yield name, Place(pack, offset, length, digest)
            offset += length

    def _content(self, names: Sequence[str]) -> bytes | Path:
        return self.folder / names[0] if len(names) == 1 else self._joined(names)

    def _joined(self, names: Iterable[str]) -> bytes:
        return b"".join((self.folder / name).read_bytes() for name in names)

    def _size(self, names: Iterable[str]) -> int:
        return sum((self.folder / name).stat().st_size for name in names)
