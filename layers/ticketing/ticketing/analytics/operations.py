"""What handlers call for reports: questions are checked, and what is wrong with an index is answered as searches do.

The tickets behind a number are read from the table and judged there, as the hits of a search are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from ticketing import clock
from ticketing.analytics import reports
from ticketing.analytics.errors import ReportsUnavailableError
from ticketing.analytics.keys import PEOPLE, name_of, parts_of
from ticketing.analytics.models import Ask, Cell, Report, ReportName, Rows, Targets
from ticketing.analytics.rules import previous, problems
from ticketing.analytics.settings import settings_of
from ticketing.aws.data import of_caller
from ticketing.dynamodb import cursors
from ticketing.dynamodb.tables import tenant_prefix
from ticketing.errors import BadRequestError
from ticketing.people.repository import People
from ticketing.search.columns import Clock
from ticketing.search.embedded import Snapshot
from ticketing.search.errors import SearchUnavailableError
from ticketing.search.facts import UTC_KEY, moment
from ticketing.search.indexing import CALENDAR
from ticketing.search.operations import judged, query_of, scope_of
from ticketing.search.periods import milliseconds
from ticketing.search.port import IndexDamagedError, IndexMissingError

if TYPE_CHECKING:
    from datetime import datetime

    from ticketing.access.permissions import Grant
    from ticketing.analytics.models import By, Row
    from ticketing.analytics.queries import PeriodQuery, ReportQuery, ReportTicketsQuery
    from ticketing.analytics.settings import ReportSettings
    from ticketing.aws.data import TenantData
    from ticketing.search.embedded import Embedded
    from ticketing.search.facts import Calendar
    from ticketing.search.operations import Rebuild
    from ticketing.tickets.models import Ticket

_MESSAGE: Final = "The report can't be made."

_NO_INDEX: Final = Snapshot(None, None, complete=False, calendar=None)

_DAYS: Final = 30
"""How long a period is that nobody has set."""

_POSITION: Final = re.compile(r"[0-9]{13} [0-9]{1,20}")
"""What a cursor holds: the time of the first page in milliseconds, and where the index goes on."""


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
        self._check(ask)
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
        _check_cell(ask, cell)
        return self._read(lambda snapshot: reports.rows(snapshot, ask, cell, limit, after))

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
            return read(_NO_INDEX)
        except IndexDamagedError as error:
            self.rebuild("damaged")
            raise SearchUnavailableError from error


def _check_cell(ask: Ask, cell: Cell) -> None:
    """Raise BadRequestError if a report has no such number, whatever is in the index."""
    found = reports.report(_NO_INDEX, ask, "")
    totals, series = found.groups[0].totals, found.groups[0].series
    wrong: list[str] = []
    if cell.figure not in totals:
        wrong.append(f"figure: this report has {', '.join(totals)}")
    if cell.part is not None and not series:
        wrong.append("part: this report has no parts of the period")
    elif cell.part is not None and not 0 <= cell.part < len(found.starts):
        wrong.append(f"part: this period has the parts 0 to {len(found.starts) - 1}")
    if any((part.by is None) != (ask.report is ReportName.WORKLOAD) for part in cell.group):
        wrong.append("group: this report has no such groups")
    if wrong:
        raise BadRequestError(_MESSAGE, wrong)


# --- operations -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Made:
    """A report as it was asked for, and that of the period before."""

    ask: Ask
    report: Report
    before: Report | None
    names: Mapping[str, str | None]
    """Of the people in it, by their ids."""


@dataclass(frozen=True, slots=True)
class Behind:
    """One page of the tickets behind a number. `cursor` starts the next page; None at the end."""

    ask: Ask
    rows: Rows
    tickets: Sequence[tuple[Ticket, Row]]
    names: Mapping[str, str | None]
    cursor: str | None


def make_report(granted: Grant, name: ReportName, query: ReportQuery, index: Embedded | None, rebuild: Rebuild) -> Made:
    """Return a report; raises as `Reporting.make` does, and BadRequestError if `q` can't be read."""
    data = of_caller(granted.caller)
    settings = settings_of(data)
    ask = _ask(granted, name, query, by=query.by, settings=settings, now=clock.now())
    report, before = Reporting(index, settings.calendar, rebuild).make(ask, compare=query.compare is not None)
    people = [
        part.value
        for each in (report, before)
        for group in (each.groups if each else ())
        for part in group.parts
        if part.value is not None and name_of(part) in PEOPLE
    ]
    return Made(ask, report, before, _names(data, people))


def open_number(granted: Grant, query: ReportTicketsQuery, index: Embedded | None, rebuild: Rebuild) -> Behind:
    """Return one page of the tickets behind a number; raises as `Reporting.tickets_behind` does.

    A page may be shorter than asked: those are left out that are gone, or do not match `q` any more.
    """
    caller, data = granted.caller, of_caller(granted.caller)
    settings, parts = settings_of(data), parts_of(query.group)
    asked = query.model_dump(mode="json", exclude={"cursor", "limit"})
    bound_to = f"{tenant_prefix(caller.tenant_id)} report {json.dumps([caller.user_id, asked])}"
    since, after = _position(query.cursor, bound_to)
    by = () if query.report is ReportName.WORKLOAD else tuple(part.by for part in parts if part.by is not None)
    ask = _ask(granted, query.report, query, by=by, settings=settings, now=since)
    cell = Cell(query.figure, query.part, parts)
    reporting = Reporting(index, settings.calendar, rebuild)
    rows = reporting.tickets_behind(ask, cell, limit=query.limit, after=after)
    found = {row.ticket_id: row for row in rows.rows}
    tickets = [(ticket, found[ticket.id]) for ticket in judged(granted, ask.query, list(found))]
    people = [each for ticket, _ in tickets for each in (ticket.reporter_id, ticket.assigned_to_id) if each]
    cursor = None if rows.after is None else cursors.encode(f"{milliseconds(since)} {rows.after}", scope=bound_to)
    return Behind(ask, rows, tickets, _names(data, people), cursor)


def _ask(  # noqa: PLR0913 - one question, spelled out
    granted: Grant,
    report: ReportName,
    query: PeriodQuery,
    *,
    by: tuple[By, ...],
    settings: ReportSettings,
    now: datetime,
) -> Ask:
    """Return what is asked. What the query leaves out is the tenant's; a period ends today, and has 30 days."""
    zone = ZoneInfo(query.zone or settings.calendar.zone.key)
    last = query.last or now.astimezone(zone).date()
    first = query.first or date.fromordinal(max(1, last.toordinal() - _DAYS + 1))
    targets = settings.targets
    minutes = query.clock or Clock(targets.clock)
    return Ask(
        report,
        first,
        last,
        zone,
        now,
        query_of(query.q, granted.caller, scope_of(granted), now),
        query.interval,
        by,
        minutes,
        # Minutes of one clock say nothing of those of another.
        Targets(targets.response, targets.resolution) if minutes == targets.clock else Targets(),
    )


def _names(data: TenantData, ids: Iterable[str]) -> Mapping[str, str | None]:
    return {person.id: person.name for person in People(data).known(dict.fromkeys(ids)).values()}


def _position(cursor: str | None, bound_to: str) -> tuple[datetime, int | None]:
    """Return the time of the first page, which the dates of all pages count from, and where the page begins."""
    if cursor is None:
        return moment(milliseconds(clock.now())), None
    since, _, after = cursors.decode(cursor, scope=bound_to, shape=_POSITION).partition(" ")
    return moment(int(since)), int(after)
