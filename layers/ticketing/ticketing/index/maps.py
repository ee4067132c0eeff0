"""The map of a state of an index: which files it consists of, and where in which pack each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
    """How many are deleted in it, and still there until the segment is merged or empty."""
    dirty_since: str | None
    """Since when there is a deleted one, RFC 3339; None if there is none."""


@dataclass(frozen=True, slots=True)
class Map:
    """What the head of an index says."""

    meta: Mapping[str, Any]
    """What tantivy wrote into meta.json."""
    files: Mapping[str, Place]
    """All files but meta.json, by their names."""
    dirty: Mapping[str, str]
    """Since when a segment, by its id, has a deleted document."""

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments in the engine's order: the n-th is that of the addresses with `segment_ord` n."""
        raise NotImplementedError

    @property
    def documents(self) -> int:
        """How many documents there are."""
        raise NotImplementedError

    @property
    def size(self) -> int:
        """How many bytes all files have."""
        raise NotImplementedError

    @property
    def packs(self) -> frozenset[str]:
        """The packs that files are in."""
        raise NotImplementedError
