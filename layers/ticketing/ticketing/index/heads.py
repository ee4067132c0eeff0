"""Which index of a tenant is in use: one item in the table of search, replaced only by who has read it.

No other module knows its keys. An index is named by its head, a pack with the map of all of its files; and by the
digest of that map, so that whoever trusts the item can trust every byte of the index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ticketing.aws.data import TenantData


@dataclass(frozen=True, slots=True)
class Ref:
    """The name of a state of an index, which never changes. A cursor may carry it, and bring it back altered.

    Raises
    ------
    ValueError
        These are no id of a pack and no SHA-256.
    """

    pack: str
    digest: str


@dataclass(frozen=True, slots=True)
class Slot:
    """One of a tenant's two indexes: the one that is served, or the one that is being built beside it."""

    format: int
    """The version of what `search` writes into it."""
    ref: Ref | None = None
    """Its state; None as long as nothing was written."""
    as_of: str | None = None
    """The time up to which changes are in it."""
    complete: bool = False
    """Whether all tickets are in it."""
    began: str | None = None
    """When its building began."""
    walk: Mapping[str, Any] | None = None
    """How far its building has come, as whoever builds it writes it down: JSON of strings, integers and booleans."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """What is in use."""

    n: int = 0
    """How often it was replaced; 0 if there is none."""
    serving: Slot | None = None
    building: Slot | None = None


class Heads:
    """The items of one tenant's index."""

    def __init__(self, data: TenantData) -> None:
        raise NotImplementedError

    def read(self, *, consistent: bool) -> Pointer:
        """Return what is in use: one read, of half the price if it may be moments old."""
        raise NotImplementedError

    def replace(self, before: Pointer, serving: Slot | None, building: Slot | None) -> Pointer:
        """Replace what was read before, and return what is in use now: one conditional write.

        If its answer is lost, the item is read, and tells whether it was written.

        Raises
        ------
        LostRaceError
            Somebody else has replaced it meanwhile. Rarely, this write landed, too, and theirs was built upon it.
        """
        raise NotImplementedError

    def delete(self) -> None:
        """Delete the items, of an index that is no longer wanted."""
        raise NotImplementedError
