"""The map of a state of an index: which files it consists of, and where in which pack each of them is.

The head of a state is a pack that begins with the map, as a line of JSON; the files that travel with it follow.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from ticketing.index.errors import IndexDamagedError

META: Final = "meta.json"
"""The file by which tantivy knows its segments. It is in the map itself."""

_NAME: Final = re.compile(r"([0-9a-f]{32})\.(?:[0-9]+\.)?[a-z]+")

HERE: Final = ""
"""The pack, as the map in a head names the head itself; a place in it counts from the end of the map."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file is, and what it is."""

    pack: str
    offset: int
    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of an index that the engine wrote at once."""

    id: str
    """As it begins the names of its files."""
    documents: int
    """How many documents are in it, without those that are deleted."""
    deleted: int
    """How many are deleted in it, and still there until the segment is merged, or has no other document."""
    dirty_since: str | None
    """Since when there is a deleted one, RFC 3339; None if there is none."""


@dataclass(frozen=True, slots=True)
class Map:
    """What the head of a state says."""

    meta: Mapping[str, Any]
    """What tantivy wrote into meta.json."""
    files: Mapping[str, Place]
    """All other files, by their names."""
    dirty: Mapping[str, str]
    """Since when a segment, by its id, has a deleted document."""

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments in the engine's order: the n-th is that of the addresses with `segment_ord` n."""
        found = ((segment_id(each), each["max_doc"], deleted(each)) for each in self.meta["segments"])
        return tuple(Segment(name, most - gone, gone, self.dirty.get(name)) for name, most, gone in found)

    @property
    def documents(self) -> int:
        """How many documents there are."""
        return sum(segment.documents for segment in self.segments)

    @property
    def size(self) -> int:
        """How many bytes the files have."""
        return sum(place.length for place in self.files.values())

    @property
    def packs(self) -> frozenset[str]:
        """The packs that files are in."""
        return frozenset(place.pack for place in self.files.values())

    def line(self) -> bytes:
        """Return the beginning of a head: the map, which names this pack HERE and counts from the line's end."""
        files = {name: [each.pack, each.offset, each.length, each.sha256] for name, each in self.files.items()}
        value = {"meta": self.meta, "files": files, "dirty": self.dirty}
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"

    @classmethod
    def of_head(cls, pack: str, content: bytes, digest: str) -> Self:
        """Return the map in a head.

        Raises
        ------
        IndexDamagedError
            The digest is not that of the map.
        """
        line = content[: content.find(b"\n") + 1]
        if digest_of(line) != digest:
            raise IndexDamagedError(pack)
        try:
            value = json.loads(line)
            files = {
                name: Place(there or pack, offset if there else offset + len(line), length, sha256)
                for name, (there, offset, length, sha256) in value["files"].items()
                if _NAME.fullmatch(name)
            }
            return cls(value["meta"], files, value["dirty"])
        except (AttributeError, LookupError, TypeError, ValueError) as error:  # a cursor may bring any digest
            raise IndexDamagedError(pack) from error


def digest_of(line: bytes) -> str:
    """Return the digest of the beginning of a head, by which the item names it."""
    return hashlib.sha256(line).hexdigest()


def segment_id(segment: Mapping[str, Any]) -> str:
    """Return the id of a segment of meta.json as the names of its files begin with it."""
    return str(segment["segment_id"]).replace("-", "")


def deleted(segment: Mapping[str, Any]) -> int:
    """Return how many documents of a segment of meta.json are deleted."""
    return segment["deletes"]["num_deleted_docs"] if segment["deletes"] else 0


def segment_of(name: str) -> str:
    """Return the id of the segment that a file belongs to."""
    return name.partition(".")[0]


def is_tombstones(name: str) -> bool:
    """Return whether a file says which documents of its segment are deleted: all others hold texts."""
    return name.endswith(".del")


def live_files(meta: Mapping[str, Any], names: Iterable[str]) -> set[str]:
    """Return those of a folder's files that the index consists of: the engine leaves others of former states."""
    segments = {segment_id(each): each["deletes"] for each in meta["segments"]}
    tombstones = {f"{name}.{deletes['opstamp']}.del" for name, deletes in segments.items() if deletes}
    return {
        name
        for name in names
        if _NAME.fullmatch(name) and segment_of(name) in segments and (name in tombstones or not is_tombstones(name))
    }
