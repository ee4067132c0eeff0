"""What moves tickets into a tenant's search index: passes over it, each ordered by a message.

Whatever a message says, what is written is read from the table, consistently, after the index has been: a pass that
comes twice, late, or beside another makes nothing older than it was. A pass that dies has written nothing, or all.

- Changes: the tickets that events were about are read and written.
- Building: the first index of a tenant, or one beside the one that is served. It walks through the tickets, a page at a
  time, newest first; then once more through those that changed meanwhile; then the new one is served. How far it has
  come is kept with the index, so it goes on wherever it stopped. Each page is an order of its own, so that changes come
  in between.
- Compacting: documents that share a part of the index with deleted ones are written again, until that part is gone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from ticketing import clock
from ticketing.search.documents import document_of, is_id
from ticketing.search.index_queue import Order
from ticketing.search.port import Build, BuildChangedError, Changes, IndexDamagedError, SearchIndex

if TYPE_CHECKING:
    from ticketing.search.facts import Calendar
    from ticketing.search.repository import SearchedTickets

PAGE: Final = 500
"""How many tickets a step of building, or of compacting, reads."""

MARGIN: Final = timedelta(seconds=60)
"""How long before a build began changes are looked for again at its end: the clocks of two machines differ."""

DIRTY_FOR: Final = timedelta(hours=12)
"""How long deleted text may stay in a part of the index before that part is written anew."""

CALENDAR: Final = "calendar"
"""What the reason for a rebuild begins with if the tenant's calendar or time zone has changed; its version follows.

Where the facts in the index are of that one already, nothing is built.
"""

ASKED: Final = "asked"
"""What the reason for a rebuild begins with if a person asked for it. Others are dropped where nothing is wrong."""


class TendedIndex(SearchIndex, Protocol):
    """A search index, as it is kept in order."""

    def worn(self, before: str, limit: int) -> Sequence[str]:
        """Return tickets that are to be written again: what is beside them was deleted before this time."""

    def sweep(self) -> int:
        """Delete what no state of the index needs any more, and return how much that was."""

    def erase(self, in_time: Callable[[], bool]) -> bool:
        """Delete all of it, and return whether that was all."""

    @property
    def fetched(self) -> int:
        """How many bytes were fetched to read it."""


@dataclass(slots=True)
class Done:
    """What a pass did."""

    written: int = 0
    """How many documents were written."""
    gone: int = 0
    """How many tickets were taken out."""
    lost_races: int = 0
    """How often another writer was first."""
    begun: str | None = None
    """Why a build was begun."""
    finished: bool = False
    """Whether a build was finished."""
    swept: int = 0


@dataclass(slots=True)
class Indexing:
    """Passes over the index of one tenant.

    `exists` says whether the tenant is there, and to stay; `calendar` reads what facts are computed with, consistently.
    """

    tenant_id: str
    index: TendedIndex
    tickets: SearchedTickets
    exists: Callable[[], bool]
    calendar: Callable[[], Calendar]
    done: Done = field(default_factory=Done)

    def follow(self, orders: Sequence[Order]) -> Done:
        """Do what these orders say, all changes in one write.

        Raises
        ------
        BuildChangedError, ClientError, BotoCoreError, LostRaceError
            It has to be done again.
        """
        changed = list(dict.fromkeys(ticket_id for order in orders for ticket_id in order.ticket_ids))
        if changed:
            self._change(changed)
        for reason in dict.fromkeys(order.rebuild for order in orders if order.rebuild):
            self._rebuild(reason)
        for step in dict.fromkeys(order.step for order in orders if order.step):
            self._go_on(step)
        if any(order.compact for order in orders):
            self._compact()
        return self.done

    # --- changes --------------------------------------------------------------------------------------------------

    def _change(self, ticket_ids: Sequence[str]) -> None:
        """Write these tickets as they are now, or see to it that there is an index that they get into."""
        read = self._reading(ticket_ids)
        try:
            self.index.write(read)
        except IndexDamagedError:
            # What is served can't be read: what is being built takes its place.
            build = self.index.build()
            try:
                if build is not None:
                    self.index.extend(read, build, build.walk)
            except IndexDamagedError:
                build = None
            if build is None:
                self._begin("damaged")
                with suppress(IndexDamagedError):  # what was being built may have been all that was damaged
                    self.index.write(read)
                return
        self._see_to_currency()

    def _see_to_currency(self) -> None:
        """See to a build if there is no complete index, or its facts are not of the calendar as it is now."""
        if not self.index.current(self.calendar().version):
            self._see_to_a_build(CALENDAR if self.index.current() else "missing")

    def _reading(self, ticket_ids: Sequence[str]) -> Callable[[], Changes]:
        """Return how to read tickets. To read them again is to have lost a race."""
        before = (0, 0)
        is_first = True
        ids = [each for each in ticket_ids if is_id(each)]  # a damaged place in a list may name none

        def read() -> Changes:
            nonlocal before, is_first
            as_of, calendar = clock.timestamp(clock.now()), self.calendar()
            found = [(each, document_of(items, calendar)) for each, items in self.tickets.collections(ids)]
            documents = [document for _, document in found if document is not None]
            gone = [ticket_id for ticket_id, document in found if document is None]
            self.done.lost_races += not is_first
            self.done.written += len(documents) - before[0]
            self.done.gone += len(gone) - before[1]
            before, is_first = (len(documents), len(gone)), False
            return Changes(documents, gone, as_of, calendar.version)

        return read

    # --- building -------------------------------------------------------------------------------------------------

    def _rebuild(self, reason: str) -> None:
        """Begin a build, unless one has been begun for this reason, or nothing is wrong any more."""
        build = self.index.build()
        if reason.startswith(ASKED) and (build is None or build.walk["reason"] != reason):
            self._begin(reason)
        elif build is not None or not reason.startswith(("missing", CALENDAR)):
            self._see_to_a_build(reason)
        else:
            self._see_to_currency()

    def _see_to_a_build(self, reason: str) -> None:
        """Begin a build, or see to it that the one that was begun goes on: its next order may have been lost."""
        build = self.index.build()
        if build is None:
            self._begin(reason)
        else:
            self._order(build)

    def _begin(self, reason: str) -> None:
        if not self.exists():
            return
        build = Build(clock.timestamp(clock.now()), {"reason": reason})
        self.index.begin(build)
        self.done.begun = reason
        self._order(build)

    def _order(self, build: Build) -> None:
        Order(self.tenant_id, step=position(build)).send()

    def _go_on(self, step: str) -> None:
        """Do the next step of a build, if this order is of the build as it is. Otherwise it came twice, or late."""
        build = self.index.build()
        if build is None:
            return
        if step != position(build):
            self._order(build)
            return
        try:
            walked = self._walk(build)
            if walked is None:
                self._see_to_currency()  # the calendar may have changed meanwhile
                return
        except IndexDamagedError:
            self._begin("damaged")
        except BuildChangedError:
            self._see_to_a_build("missing")
        else:
            self._order(walked)

    def _walk(self, build: Build) -> Build | None:
        """Write one page of tickets, and return how far the build has come; None if it is finished."""
        walk = dict(build.walk)
        if "again" in walk:
            page = self.tickets.changed(walk["again"], PAGE)
            place = "again"
        else:
            page = self.tickets.newest(walk.get("before"), PAGE)
            place = "before"
        if page:
            walk[place] = page[-1][1]
        is_last = place == "again" and len(page) < PAGE
        if place == "before" and len(page) < PAGE:
            walk["again"] = clock.timestamp(datetime.fromisoformat(build.began) - MARGIN)
        self.index.extend(self._reading([ticket_id for ticket_id, _ in page]), build, walk)
        build = Build(build.began, walk)
        if is_last:
            self.index.finish(build)
            self.done.finished = True
        return None if is_last else build

    # --- compacting -----------------------------------------------------------------------------------------------

    def _compact(self) -> None:
        """Write documents anew that share a part of the index with deleted ones, and delete what nobody needs.

        A pass that was under way when its tenant was erased may have left a pack: that goes, too.
        """
        if not self.exists():
            self.index.erase(lambda: True)
            return
        try:
            worn = self.index.worn(clock.timestamp(clock.now() - DIRTY_FOR), PAGE)
            if worn:
                self._change(worn)
                Order(self.tenant_id, compact=worn[0]).send()
            elif self.index.build() is not None:
                self._see_to_a_build("missing")
            else:
                self._see_to_currency()
            self.done.swept = self.index.sweep()
        except IndexDamagedError:
            self._see_to_a_build("damaged")


def position(build: Build) -> str:
    """Return how far a build has come, as a text that is another one after each step."""
    return hashlib.sha256(json.dumps([build.began, build.walk], sort_keys=True).encode()).hexdigest()
