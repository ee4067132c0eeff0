"""A tenant's index: reading a state of it, writing the next one, and deleting what is no longer in use.

Reading, where `opening` is what the engine makes of a folder (it is kept as long as the folder is):

    pointer = store.pointer(consistent=False)
    index = store.open(pointer.serving.ref, opening)

Writing, in the only order that is right; after LostRaceError from the beginning, the tickets included:

    pointer = store.pointer()
    tickets = ...                                 # read consistently, after the pointer
    with store.writing(pointer.serving.ref) as writing:
        ...                                       # the engine commits to writing.folder, and ends its merges
        ref = writing.put()
    store.replace(pointer, serving=replace(pointer.serving, ref=ref, as_of=...), building=pointer.building)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import batched, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from ticketing import clock
from ticketing.index.heads import Heads, Pointer, Ref, Slot, Swept
from ticketing.index.maps import Map, Place
from ticketing.index.packs import Packs
from ticketing.index.writing import Writing

if TYPE_CHECKING:
    from ticketing.aws.data import TenantData, TenantFiles
    from ticketing.index.folders import Folders, State

KEPT: Final = timedelta(minutes=50)
"""How long packs are kept, at least, after the last state in use needed them: so long can a state be read.

Less than the hour between two sweeps, of which neither comes exactly on time.
"""

_WRITING_TIME: Final = timedelta(hours=1)
"""How old a pack has to be before it counts that no state in use needs it: its writer may not be done yet."""

_ERASED_AT_ONCE: Final = 1000
"""How many packs are deleted before the time is looked at."""


class IndexStore:
    """The index of one tenant. `folders` are this process's own, for all tenants."""

    def __init__(self, data: TenantData, files: TenantFiles, folders: Folders) -> None:
        self._heads = Heads(data)
        self._packs = Packs(files)
        self._folders = folders
        self._tenant_id = data.tenant_id

    def pointer(self, *, consistent: bool = True) -> Pointer:
        """Return which states are in use; a read that may be moments old costs half."""
        return self._heads.read(consistent=consistent)

    def map(self, ref: Ref) -> Map:
        """Return the map of a state: its files, its segments in the engine's order, and since when they are dirty.

        Raises
        ------
        IndexDamagedError
            It is not what was written, or gone.
        """
        here = self._folders.get(self._tenant_id, ref)
        return here.map if here else Map.of_head(ref.pack, self._packs.get(ref.pack), ref.digest)

    def open[T](self, ref: Ref, opening: Callable[[Path], T]) -> T:
        """Return what `opening` makes of a folder with all files of a state, for reading.

        It is kept with the folder, and both are dropped when there is no room: the same state is opened once. Files
        that are not on this disk are fetched, and each is compared with its digest.

        Raises
        ------
        IndexDamagedError
            A file is not what was written, or gone.
        """
        state = self._state(ref)
        if state.opened is None:
            state.opened = opening(state.folder)
        return cast("T", state.opened)

    @contextmanager
    def writing(self, ref: Ref | None) -> Iterator[Writing]:
        """Give a folder in which the next state is written, upon this one or from nothing; raises as `open` does."""
        state = self._state(ref) if ref else None
        with self._folders.scratch(self._tenant_id, state) as folder:
            yield Writing(folder, state, self._packs, self._keep)

    def replace(self, before: Pointer, *, serving: Slot | None, building: Slot | None) -> Pointer:
        """Put new states into use, if nobody has replaced the pointer since it was read; return what is in use now.

        Raises
        ------
        LostRaceError
            Somebody has.
        """
        return self._heads.replace(before, serving, building)

    def sweep(self) -> int:
        """Delete the packs that no state in use has needed for KEPT, and return their number. Meant for every hour.

        Nothing but two sweeps tells when a pack was dropped: it is deleted if neither this one nor the one before finds
        it in a state in use, and it was there long before. So it goes between one and three hours after it was dropped,
        and what killed writers have left goes with it.

        Raises
        ------
        IndexDamagedError
            A state in use can't be read: nobody knows what it needs.
        """
        now, before = clock.now(), self._heads.swept()
        if before and now - before.at < KEPT:
            return 0
        refs = self._heads.read(consistent=True).refs
        used = frozenset(ref.pack for ref in refs).union(*(self.map(ref).packs for ref in refs))
        if before and before.clean and before.packs == used:
            return 0
        others = {stored.pack: stored.at for stored in self._packs.all() if stored.pack not in used}
        dropped = [
            pack
            for pack, at in others.items()
            if before and pack not in before.packs and at < before.at - _WRITING_TIME
        ]
        deleted = self._packs.delete(dropped)
        self._heads.put_swept(Swept(now, used, clean=deleted == len(others)))
        return deleted

    def erase(self, in_time: Callable[[], bool]) -> bool:
        """Delete the pointer and all packs of the tenant, and return whether that was all."""
        self._heads.delete()
        packs = (stored.pack for stored in self._packs.all())
        for batch in takewhile(lambda _: in_time(), batched(packs, _ERASED_AT_ONCE, strict=False)):
            self._packs.delete(batch)
        return not any(True for _ in self._packs.all())

    @property
    def fetched(self) -> int:
        """How many bytes this store has read from S3."""
        return self._packs.fetched

    def _state(self, ref: Ref) -> State:
        here = self._folders.get(self._tenant_id, ref)
        if here:
            return here
        head = self._packs.get(ref.pack)

        def provide(missing: Mapping[Path, Place]) -> None:
            self._packs.fetch(missing, {ref.pack: head})

        return self._folders.add(self._tenant_id, ref, Map.of_head(ref.pack, head, ref.digest), provide)

    def _keep(self, ref: Ref, map_: Map, folder: Path) -> None:
        """Keep a state that was written here, so that this process does not fetch it."""

        def provide(missing: Mapping[Path, Place]) -> None:
            for path in missing:
                path.hardlink_to(folder / path.name)

        self._folders.add(self._tenant_id, ref, map_, provide)
