"""The search index that is part of this backend: tantivy, on files that `index` keeps in S3.

A page of a search sorted by relevance, `updated` or `priority` holds on to the state of the index that the first page
was of, because tickets move in these orders while they change. Sorted by `created` or `number` they do not: each page
is of the newest state.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from ticketing import clock
from ticketing.index.errors import IndexDamagedError as PackDamagedError
from ticketing.index.errors import LostRaceError
from ticketing.index.heads import Pointer, Ref, Slot
from ticketing.index.store import IndexStore
from ticketing.search.port import (
    Build,
    BuildChangedError,
    Changes,
    CursorOutdatedError,
    Find,
    Found,
    IndexDamagedError,
    IndexMissingError,
    Scope,
    SortKey,
    Suggestion,
)
from ticketing.search.reading import Hits, Opened
from ticketing.search.schema import FORMAT, write

HELD: Final = timedelta(minutes=15)
"""How long pages hold on to the state that the first one was of."""

READABLE: Final = frozenset({FORMAT - 1, FORMAT})
"""The formats that can be read. With the one before in it, an index of it is served until the new one is built."""

_STEADY: Final = frozenset({SortKey.CREATED, SortKey.NUMBER})
"""The orders in which a ticket never moves."""

_PAUSES: Final = (0.0, 0.1, 0.3, 0.9, 2.0)
"""How many seconds are waited before each attempt at writing. Writers of one tenant seldom meet: a queue sorts them."""


@dataclass(frozen=True, slots=True)
class _State:
    """A state of an index, and what is said about it."""

    ref: Ref | None
    as_of: str | None
    complete: bool
    since: str
    """When its first page was read."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state of an index, for reports; what is said about it is as in `Found`."""

    opened: Opened | None
    """None as long as no ticket is in it."""
    as_of: str | None
    complete: bool
    calendar: str | None
    """The version of the calendar that all facts are of; None without tickets, "" if it was not one for all."""


class Embedded:
    """The embedded search index of one tenant: a `SearchIndex`."""

    def __init__(self, store: IndexStore) -> None:
        self._store = store

    # --- reading --------------------------------------------------------------------------------------------------

    def find(self, find: Find) -> Found:
        """Return one page of what a query finds."""
        held = find.after is not None and find.sort not in _STEADY
        state = _held(find.after or {}) if held else self._current()
        try:
            hits = Hits([], 0, {facet: {} for facet in find.facets}, None)
            if state.ref is not None:
                hits = self._store.open(state.ref, Opened).find(find)
        except PackDamagedError as error:
            raise (CursorOutdatedError if held else IndexDamagedError) from error
        after = hits.after
        if after is not None and state.ref is not None and find.sort not in _STEADY:
            after |= {
                "pack": state.ref.pack,
                "digest": state.ref.digest,
                "asOf": state.as_of,
                "complete": state.complete,
                "since": state.since,
            }
        return Found(
            ids=hits.ids,
            total=hits.total,
            exact=True,
            facets=hits.facets,
            after=after,
            as_of=state.as_of,
            complete=state.complete,
        )

    def snapshot(self) -> Snapshot:
        """Return the newest state of the index that has facts, for reports.

        Raises
        ------
        IndexDamagedError, IndexMissingError
            As `find` does.
        """
        pointer = self._store.pointer(consistent=False)
        slots = (each for each in (pointer.serving, pointer.building) if each and each.format == FORMAT)
        if (slot := next(slots, None)) is None:
            raise IndexMissingError
        try:
            opened = None if slot.ref is None else self._store.open(slot.ref, Opened)
        except PackDamagedError as error:
            raise IndexDamagedError from error
        return Snapshot(opened, slot.as_of, slot.complete, slot.calendar)

    def suggest(self, prefix: str, scope: Scope, limit: int) -> Sequence[Suggestion]:
        """Return words of titles, and tags, that begin as typed, the most frequent first."""
        state = self._current()
        if state.ref is None:
            return []
        try:
            return self._store.open(state.ref, Opened).suggest(prefix, scope, limit)
        except PackDamagedError as error:
            raise IndexDamagedError from error

    def _current(self) -> _State:
        pointer = self._store.pointer(consistent=False)
        slots = (each for each in (pointer.serving, pointer.building) if each and each.format in READABLE)
        if (slot := next(slots, None)) is None:
            raise IndexMissingError
        return _State(slot.ref, slot.as_of, slot.complete, clock.timestamp(clock.now()))

    # --- writing --------------------------------------------------------------------------------------------------

    def write(self, read: Callable[[], Changes]) -> None:
        """Write changes to the index that is served, and to the one that is being built."""

        def written(pointer: Pointer) -> tuple[Slot | None, Slot | None]:
            if pointer.serving is None and pointer.building is None:
                return None, None
            changes = read()
            return self._written(pointer.serving, changes), self._written(pointer.building, changes)

        self._replace(written)

    def worn(self, before: str, limit: int) -> list[str]:
        """Return ids of tickets that are to be written again: what is beside them was deleted before this time.

        A segment keeps the words of its deleted tickets until all of its tickets are somewhere else.
        """
        pointer = self._store.pointer()
        found: list[str] = []
        try:
            for slot in (pointer.serving, pointer.building):
                if slot is not None and slot.format == FORMAT and slot.ref is not None:
                    found += self._worn(slot.ref, before, limit)
        except PackDamagedError as error:
            raise IndexDamagedError from error
        return list(dict.fromkeys(found))[:limit]

    def _worn(self, ref: Ref, before: str, limit: int) -> list[str]:
        found: list[str] = []
        in_front = 0
        for place, segment in enumerate(self._store.map(ref).segments):
            if segment.dirty_since is not None and segment.dirty_since < before and len(found) < limit:
                found += self._store.open(ref, Opened).ids_in_segment(place, in_front, limit - len(found))
            in_front += segment.documents
        return found

    def _written(self, slot: Slot | None, changes: Changes) -> Slot | None:
        """Return an index with the changes in it; one of another format stays as it is."""
        if slot is None or slot.format != FORMAT:
            return slot
        with self._store.writing(slot.ref) as writing:
            write(writing.folder, changes.documents, changes.gone)
            calendar = _calendar_of(slot, changes)
            return replace(slot, ref=writing.put(), as_of=changes.as_of, calendar=calendar)

    def _replace(self, changed: Callable[[Pointer], tuple[Slot | None, Slot | None]]) -> None:
        """Put what `changed` makes of the indexes in use into use; after a lost race, from the beginning."""
        for pause in _PAUSES:
            time.sleep(pause)
            pointer = self._store.pointer()
            try:
                serving, building = changed(pointer)
                if (serving, building) != (pointer.serving, pointer.building):
                    self._store.replace(pointer, serving=serving, building=building)
            except LostRaceError:
                continue
            except PackDamagedError as error:
                raise IndexDamagedError from error
            return
        raise LostRaceError

    # --- building -------------------------------------------------------------------------------------------------

    def current(self, calendar: str | None = None) -> bool:
        """Return whether there is a complete index of this format, with facts of this version of a calendar."""
        serving = self._store.pointer().serving
        if serving is None or serving.format != FORMAT or not serving.complete:
            return False
        return calendar is None or serving.calendar in {None, calendar}  # without tickets it is of any

    def build(self) -> Build | None:
        """Return the build that has begun and not ended, or None."""
        return _build_in(self._store.pointer())

    def begin(self, build: Build) -> None:
        """Begin an empty index beside the one that is served; one that was being built is given up."""
        fresh = Slot(FORMAT, as_of=build.began, began=build.began, walk=build.walk)
        self._replace(lambda pointer: (pointer.serving, fresh))

    def extend(self, read: Callable[[], Changes], build: Build, walk: Mapping[str, Any]) -> None:
        """Write tickets to the index that is being built, together with how far the walk has come."""

        def extended(pointer: Pointer) -> tuple[Slot | None, Slot | None]:
            building = self._written(_of_build(pointer, build), read())
            return pointer.serving, None if building is None else replace(building, walk=walk)

        self._replace(extended)

    def finish(self, build: Build) -> None:
        """Serve the index that was being built, and drop the one before."""

        def finished(pointer: Pointer) -> tuple[Slot | None, Slot | None]:
            return replace(_of_build(pointer, build), complete=True, began=None, walk=None), None

        self._replace(finished)

    # --- keeping --------------------------------------------------------------------------------------------------

    def sweep(self) -> int:
        """Delete the packs that no state in use has needed for a while, and return their number."""
        try:
            return self._store.sweep()
        except PackDamagedError as error:
            raise IndexDamagedError from error

    def erase(self, in_time: Callable[[], bool]) -> bool:
        """Delete all of it, and return whether that was all."""
        return self._store.erase(in_time)

    @property
    def fetched(self) -> int:
        """How many bytes were read from S3: none, if this process has used the index before."""
        return self._store.fetched


def _calendar_of(slot: Slot, changes: Changes) -> str | None:
    """Return the version of the calendar that all facts of an index are of, once these changes are in it."""
    if not changes.documents or slot.calendar == changes.calendar:
        return slot.calendar
    return changes.calendar if slot.calendar is None else ""


def _build_in(pointer: Pointer) -> Build | None:
    building = pointer.building
    if building is None or building.format != FORMAT or building.began is None:
        return None
    return Build(building.began, building.walk or {})


def _of_build(pointer: Pointer, build: Build) -> Slot:
    """Return the index of a build, as it is in use.

    Raises
    ------
    BuildChangedError
        It is not as it was.
    """
    if pointer.building is None or _build_in(pointer) != build:
        raise BuildChangedError
    return pointer.building


def _held(after: Mapping[str, Any]) -> _State:
    """Return the state that a page holds on to.

    Raises
    ------
    CursorOutdatedError
        It is too old, or none.
    """
    match after:
        case {"pack": str(pack), "digest": str(digest), "asOf": as_of, "complete": bool(complete), "since": str(since)}:
            try:
                state = _State(Ref(pack, digest), as_of, complete, since)
                age = clock.now() - datetime.fromisoformat(since)
            except (TypeError, ValueError) as error:
                raise CursorOutdatedError from error
            if age <= HELD and isinstance(as_of, str | None):
                return state
    raise CursorOutdatedError
