"""What handlers call for reports: questions are checked, and what is wrong with an index is answered as searches do.

query = query_of(q, caller, scope_of(request.grant), now)  # of search: dates and people as the caller means them
ask = Ask(ReportName.VOLUME, first, last, zone, now, query, by=(By.TAG,))
reporting = Reporting(reporting_index_of_caller(caller), calendar, partial(rebuild, caller.tenant_id))
report, before = reporting.make(ask, compare=True)
page = reporting.tickets_behind(ask, Cell("created", part=0), limit=25, after=None)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ticketing.analytics import reports
from ticketing.analytics.errors import ReportsUnavailableError
from ticketing.analytics.models import Report, Rows
from ticketing.analytics.rules import previous, problems
from ticketing.errors import BadRequestError
from ticketing.search.embedded import Snapshot
from ticketing.search.errors import SearchUnavailableError
from ticketing.search.facts import UTC_KEY
from ticketing.search.indexing import CALENDAR
from ticketing.search.port import IndexDamagedError, IndexMissingError

if TYPE_CHECKING:
    from ticketing.analytics.models import Ask, Cell, Group, Part
    from ticketing.search.embedded import Embedded
    from ticketing.search.facts import Calendar
    from ticketing.search.operations import Rebuild

_MESSAGE: Final = "The report can't be made."


@dataclass(frozen=True, slots=True)
class Reporting:
    """The reports of one tenant."""

    index: Embedded | None
    """`reporting_index_of_caller`."""
    calendar: Calendar
    """The tenant's, as it is now."""
    rebuild: Rebuild
    """Has the tenant's index built, for a reason."""

    def make(self, ask: Ask, *, compare: bool = False) -> tuple[Report, Report | None]:
        """Return a report, and that of the period before if they are to be compared: both of one state of the index.

        The query that is asked is bound to people's ids (`query_of` of search). Without an index nothing is counted,
        and it has begun to be built. Where facts are of another calendar, they are counted, and computed again.

        Raises
        ------
        BadRequestError
            Something is wrong with the question; the details name everything.
        ReportsUnavailableError
            The engine of this deployment has no facts.
        SearchUnavailableError
            The index is damaged. It has begun to be built anew.
        """
        asks = [ask, previous(ask)] if compare else [ask]
        self._check(*asks)

        def made(snapshot: Snapshot) -> list[Report]:
            return [reports.report(snapshot, each, self.calendar.version) for each in asks]

        found = self._read(made)
        if found[0].recomputing:
            self.rebuild(f"{CALENDAR} {self.calendar.version}")  # whose order may have been lost
        return found[0], found[1] if compare else None

    def tickets_behind(self, ask: Ask, cell: Cell, *, limit: int, after: int | None) -> Rows:
        """Return a page of the tickets behind a number of a report; `after` is that of the page before.

        It raises as `make` does; BadRequestError, too, if the report has no such number.
        """
        self._check(ask)
        try:
            return self._read(lambda snapshot: reports.rows(snapshot, ask, cell, limit, after))
        except LookupError as error:
            raise BadRequestError(_MESSAGE, ["figure: the report has no such number"]) from error

    def _check(self, *asks: Ask) -> None:
        found = [problem for ask in asks for problem in problems(ask)]
        if asks[0].zone.key not in {UTC_KEY, self.calendar.zone.key}:
            found.append(f"zone: is the tenant's, {self.calendar.zone.key}, or {UTC_KEY}")
        if found:
            raise BadRequestError(_MESSAGE, list(dict.fromkeys(found)))

    def _read[T](self, read: Callable[[Snapshot], T]) -> T:
        if self.index is None:
            raise ReportsUnavailableError
        try:
            return read(self.index.snapshot())
        except IndexMissingError:
            self.rebuild("missing")
            return read(Snapshot(None, None, complete=False, calendar=None))
        except IndexDamagedError as error:
            self.rebuild("damaged")
            raise SearchUnavailableError from error


def presented_report(report: Report) -> dict[str, Any]:
    """Return a report as JSON."""
    return {
        "starts": [day.isoformat() for day in report.starts],
        "groups": [_presented(group) for group in report.groups],
        "asOf": report.as_of,
        "complete": report.complete,
        "recomputing": report.recomputing,
    }


def _presented(group: Group) -> dict[str, Any]:
    return {
        "parts": [_presented_part(part) for part in group.parts],
        "totals": dict(group.totals),
        "series": {figure: list(numbers) for figure, numbers in group.series.items()},
    }


def _presented_part(part: Part) -> Mapping[str, Any]:
    return {"by": "agent" if part.by is None else part.by.value, "value": part.value, "isOther": part.is_other}
