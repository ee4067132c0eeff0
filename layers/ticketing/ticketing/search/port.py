"""The port to a search index: what is asked of it and what it answers, whichever engine is behind it.

An index finds tickets, it does not tell about them: whoever asks reads the hits from the table and judges them there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ticketing.search.documents import Document
    from ticketing.search.language import Query


class SortKey(StrEnum):
    """What hits are sorted by. Equal ones are sorted by their number, newest first."""

    RELEVANCE = "relevance"
    """For a reporter: the time of creation, since a score depends on texts that they may not see."""
    CREATED = "created"
    UPDATED = "updated"
    PRIORITY = "priority"
    NUMBER = "number"


class Facet(StrEnum):
    """What hits are counted by."""

    STATUS = "status"
    PRIORITY = "priority"
    TYPE = "type"
    TAG = "tag"
    ASSIGNEE = "assignee"


MOST_VALUES = 100
"""How many values a facet shows: the most frequent ones."""

NOBODY = "none"
"""The value of the facet `assignee` that counts the tickets without one."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which tickets a caller sees, and whether also what is internal in them."""

    reporter_id: str | None
    """Only tickets that they reported; None for all of the tenant's."""
    internal: bool


@dataclass(frozen=True, slots=True)
class Find:
    """One page of a search."""

    query: Query
    """Without addresses: `bound`."""
    scope: Scope
    sort: SortKey
    descending: bool
    limit: int
    after: Mapping[str, Any] | None = None
    """Where the page before ended: its `Found.after`, for the same query, scope and sort."""
    facets: tuple[Facet, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What an index found, and how far it can be trusted."""

    ids: Sequence[str]
    """The tickets' ids, in the order asked for."""
    total: int
    """How many tickets match, on all pages."""
    exact: bool
    """Whether the total is that number; otherwise there are at least as many."""
    facets: Mapping[Facet, Mapping[str, int]]
    """For each facet asked for, its values with the number of hits, the most frequent first."""
    after: Mapping[str, Any] | None
    """Where the next page begins, as a small JSON object; None after the last page."""
    as_of: str | None
    """The time up to which changes are in the index, RFC 3339; None if there was no index yet."""
    complete: bool
    """Whether all tickets are in it: not while a first index is being built."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A word or tag that people wrote, and in how many tickets it is."""

    text: str
    count: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of tickets: those that there are, and those that are gone."""

    documents: Sequence[Document]
    gone: Sequence[str]
    """The ids of tickets that are deleted, or in the trash."""
    as_of: str
    """When they were read, RFC 3339."""
    calendar: str
    """The version of the calendar that their facts were computed with."""


@dataclass(frozen=True, slots=True)
class Build:
    """An index that is being built beside the one that is served, if any."""

    began: str
    """When, RFC 3339: what has changed since is read once more at the end."""
    walk: Mapping[str, Any]
    """How far the walk over the table has come, as a small JSON object. Only who walks knows what it means."""


class BuildChangedError(Exception):
    """A build is not as it was: somebody else went on with it or finished it, or began another."""


class IndexMissingError(Exception):
    """There is no index of this tenant yet."""


class IndexDamagedError(Exception):
    """A part of the index is not what was written, or is gone. It has to be built again."""


class CursorOutdatedError(Exception):
    """The state of the index that a page holds on to is too old, or gone."""


class SearchIndex(Protocol):
    """The search index of one tenant."""

    def find(self, find: Find) -> Found:
        """Return one page of what a query finds.

        Raises
        ------
        CursorOutdatedError
            `after` is of a state of the index that is not kept any more.
        IndexDamagedError
            It can't be read.
        IndexMissingError
            There is none.
        """

    def suggest(self, prefix: str, scope: Scope, limit: int) -> Sequence[Suggestion]:
        """Return words of titles, and tags, that begin as typed, the most frequent first; raises as `find` does."""

    def write(self, read: Callable[[], Changes]) -> None:
        """Write changes to the index that is served, and to the one that is being built.

        `read` reads the tickets from the table consistently. It is called after the index has taken its place among
        the writers, and again each time it lost that place: so what was read later is never overwritten by what was
        read before. There may be no index: then nothing is written.

        Raises
        ------
        IndexDamagedError
            It can't be read.
        """

    def current(self, calendar: str | None = None) -> bool:
        """Return whether there is a complete index of this format: none has to be built.

        With the version of a calendar, also whether all facts in it were computed with that one.
        """

    def build(self) -> Build | None:
        """Return the build that has begun and not ended, or None."""

    def begin(self, build: Build) -> None:
        """Begin an empty index beside the one that is served; one that was being built is given up."""

    def extend(self, read: Callable[[], Changes], build: Build, walk: Mapping[str, Any]) -> None:
        """Write tickets to the index that is being built, together with how far the walk has come; as `write` does.

        Raises
        ------
        BuildChangedError
            The build is not this one, as it is here, any more. Nothing was written.
        """

    def finish(self, build: Build) -> None:
        """Serve the index that was being built, and drop the one before; raises as `extend` does."""
