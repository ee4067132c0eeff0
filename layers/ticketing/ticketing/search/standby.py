"""Two engines side by side, for the time of a change from one to the other: one answers, both are kept up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ticketing.search.port import Build, BuildChangedError, Changes, Find, Found, Scope, Suggestion

if TYPE_CHECKING:
    from ticketing.search.indexing import TendedIndex


@dataclass(frozen=True, slots=True)
class WithStandby:
    """The index of a tenant that answers, and the one of another engine that only follows it: a `TendedIndex`.

    Each reads the tickets for itself, after it has taken its place among its writers. The one that answers is written
    first; if the other one fails then, all of it has to be done again, which does no harm.
    """

    answering: TendedIndex
    standby: TendedIndex

    def find(self, find: Find) -> Found:
        """Return one page of what a query finds."""
        return self.answering.find(find)

    def suggest(self, prefix: str, scope: Scope, limit: int) -> Sequence[Suggestion]:
        """Return words of titles, and tags, that begin as typed."""
        return self.answering.suggest(prefix, scope, limit)

    def write(self, read: Callable[[], Changes]) -> None:
        """Write changes to all indexes of both engines."""
        for index in self._both:
            index.write(read)

    def current(self, calendar: str | None = None) -> bool:
        """Return whether both have a complete index of their format, and facts of this calendar."""
        return all(index.current(calendar) for index in self._both)

    def build(self) -> Build | None:
        """Return the build that has begun and not ended: of the engine that answers, if both have one."""
        return next((build for index in self._both if (build := index.build()) is not None), None)

    def begin(self, build: Build) -> None:
        """Begin a build where there is no complete index; where both have one, in both."""
        both = self._both[::-1]
        for index in [index for index in both if not index.current()] or both:
            index.begin(build)

    def extend(self, read: Callable[[], Changes], build: Build, walk: Mapping[str, Any]) -> None:
        """Write tickets to the indexes that this build is of."""
        for index in self._building(build):
            index.extend(read, build, walk)

    def finish(self, build: Build) -> None:
        """Serve the indexes that this build is of."""
        for index in self._building(build):
            index.finish(build)

    def worn(self, before: str, limit: int) -> Sequence[str]:
        """Return tickets that are to be written again."""
        return list(dict.fromkeys(each for index in self._both for each in index.worn(before, limit)))[:limit]

    def sweep(self) -> int:
        """Delete what no state of either needs any more."""
        return sum(index.sweep() for index in self._both)

    def erase(self, in_time: Callable[[], bool]) -> bool:
        """Delete all of both, and return whether that was all."""
        erased = [index.erase(in_time) for index in self._both]
        return all(erased)

    @property
    def fetched(self) -> int:
        """How many bytes this process has fetched to read both."""
        return sum(index.fetched for index in self._both)

    @property
    def _both(self) -> tuple[TendedIndex, TendedIndex]:
        return self.answering, self.standby

    def _building(self, build: Build) -> Iterator[TendedIndex]:
        """Yield those that the build is of, the one that answers last.

        It is the one that says how far the build has come: if it fails, it makes the same step again, alone.
        """
        found = [index for index in self._both[::-1] if index.build() == build]
        if not found:
            raise BuildChangedError
        yield from found
