"""A tenant's index: reading a state of it, writing the next one, and deleting what is no longer in use.

Reading, where `opened` is what the engine makes of a folder (it is kept as long as the folder is):

    pointer = store.pointer(consistent=False)
    opened = store.open(pointer.serving.ref, lambda folder: tantivy.Index.open(str(folder)))

Writing, in the only order that is right; after LostRaceError from the beginning, the tickets included:

    pointer = store.pointer()
    tickets = …                                   # read consistently, after the pointer
    with store.writing(pointer.serving.ref) as writing:
        …                                         # tantivy commits to writing.folder, its merges are waited for
        ref = writing.put()
    store.replace(pointer, serving=replace(pointer.serving, ref=ref, as_of=…), building=pointer.building)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ticketing.index.heads import Pointer, Ref, Slot

if TYPE_CHECKING:
    from ticketing.aws.data import TenantData, TenantFiles
    from ticketing.index.folders import Folders
    from ticketing.index.maps import Map

KEPT: Final = timedelta(hours=1)
"""How long packs are kept, at least, after the last index in use had them: so long can a state be read."""


class Writing:
    """A state of an index that is being written.

    `folder` holds the files of the state that it began with, or nothing; whoever writes there closes the engine, merges
    included, before `put`.
    """

    folder: Path

    def put(self) -> Ref | None:
        """Put what was committed in the folder into packs, and return its name; nobody uses it yet.

        It is the state that it began with (None: an empty index) if no file is new and none is gone.
        """
        raise NotImplementedError


class IndexStore:
    """The index of one tenant. `folders` are this process's own, for all tenants."""

    def __init__(self, data: TenantData, files: TenantFiles, folders: Folders) -> None:
        raise NotImplementedError

    def pointer(self, *, consistent: bool = True) -> Pointer:
        """Return which states are in use; a read that may be moments old costs half."""
        raise NotImplementedError

    def map(self, ref: Ref) -> Map:
        """Return the map of a state: its files, its segments in the engine's order, and since when they are dirty.

        Raises
        ------
        IndexDamagedError
            It is not what was written, or gone.
        """
        raise NotImplementedError

    def open[T](self, ref: Ref, opening: Callable[[Path], T]) -> T:
        """Return what `opening` makes of a folder with all files of a state, for reading.

        It is kept with the folder, and both are dropped when there is no room: the same state is opened once. Files
        that are not on this disk are fetched, and each is compared with its digest.

        Raises
        ------
        IndexDamagedError
            A file is not what was written, or gone.
        """
        raise NotImplementedError

    @contextmanager
    def writing(self, ref: Ref | None) -> Iterator[Writing]:
        """Give a folder in which the next state is written, upon this one or from nothing; raises as `open` does."""
        raise NotImplementedError
        yield

    def replace(self, before: Pointer, *, serving: Slot | None, building: Slot | None) -> Pointer:
        """Put new states into use, if nobody has replaced the pointer since it was read; return what is in use now.

        Raises
        ------
        LostRaceError
            Somebody has.
        """
        raise NotImplementedError

    def sweep(self) -> int:
        """Delete the packs that no state in use has had for KEPT, and return their number. Meant for every hour.

        It tells a pack that was dropped from one whose writer is not done yet by what the sweep before had seen, so a
        pack goes between one and three hours after it was dropped.

        Raises
        ------
        IndexDamagedError
            A state in use can't be read: nobody knows what it needs.
        """
        raise NotImplementedError

    def erase(self, in_time: Callable[[], bool]) -> bool:
        """Delete the pointer and all packs of the tenant, and return whether that was all."""
        raise NotImplementedError

    @property
    def fetched(self) -> int:
        """How many bytes this store has fetched from S3, for a metric."""
        raise NotImplementedError
