"""States of indexes on this process's own disk, under a folder that is bounded."""

from __future__ import annotations

from pathlib import Path


class Folders:
    """The states of indexes that this process has opened last, of all tenants.

    A state is a folder of hard links to files that were fetched, or written here, once. Nothing is changed in place.
    """

    def __init__(self, root: Path, most_bytes: int) -> None:
        raise NotImplementedError


def folders_of_process() -> Folders:
    """Return this process's folders, made when they are first needed. What dead processes have left is deleted."""
    raise NotImplementedError
