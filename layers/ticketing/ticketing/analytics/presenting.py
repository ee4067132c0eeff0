"""Reports and the tickets behind their numbers as the contract shows them: as JSON, and as rows of a sheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ticketing import clock
from ticketing.analytics.keys import AGENT, PEOPLE, key_of, name_of
from ticketing.analytics.models import ReportName
from ticketing.analytics.rules import RESOLVED, previous
from ticketing.search.columns import Counts, Duration, Moments
from ticketing.search.facts import moment

if TYPE_CHECKING:
    from ticketing.analytics.models import Ask, Group, Part, Report, Row
    from ticketing.analytics.operations import Behind, Made
    from ticketing.analytics.sheets import Value
    from ticketing.tickets.models import Ticket

_MINUTE: Final = 60_000

_TICKET: Final = ("id", "number", "title", "status", "priority", "type", "tags", "createdAt")

_MOMENTS: Final = {
    "respondedAt": (Moments.RESPONSE.value, _MINUTE),
    "firstResolvedAt": (Moments.FIRST_RESOLUTION.value, _MINUTE),
    "lastResolvedAt": (RESOLVED, 1),
}
"""By their names: in which column, and how many milliseconds its unit is."""

_TIMES: Final = {
    "untilResponse": Duration.UNTIL_RESPONSE,
    "untilFirstResolution": Duration.UNTIL_FIRST_RESOLUTION,
    "untilLastResolution": Duration.UNTIL_LAST_RESOLUTION,
    "inNew": Duration.NEW,
    "inOpen": Duration.OPEN,
    "inInProgress": Duration.IN_PROGRESS,
    "inResolved": Duration.RESOLVED,
}


# --- reports ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Period:
    name: str
    ask: Ask
    report: Report


def _periods(made: Made) -> Iterator[_Period]:
    yield _Period("current", made.ask, made.report)
    if made.before is not None:
        yield _Period("previous", previous(made.ask), made.before)


def presented_report(made: Made) -> dict[str, Any]:
    """Return a report as JSON."""
    ask = made.ask
    shown, *before = (_presented(period, made.names) for period in _periods(made))
    return {
        "report": ask.report.value,
        "zone": ask.zone.key,
        "interval": ask.interval.value,
        "clock": ask.clock.value,
        **shown,
        "previous": before[0] if before else None,
        "asOf": made.report.as_of,
        "complete": made.report.complete,
        "recomputing": made.report.recomputing,
    }


def report_rows(made: Made) -> Iterator[Sequence[Value]]:
    """Yield the names of the columns; then for each group a row for each part of the period, and one for all of it."""
    things = [AGENT] if made.ask.report is ReportName.WORKLOAD else [by.value for by in made.ask.by]
    figures = list(made.report.groups[0].totals)
    columns = [name for thing in things for name in ([thing, f"{thing}.name"] if thing in PEOPLE else [thing])]
    yield ["period", "part", "from", "to", *columns, *figures]
    for period in _periods(made):
        first, last, starts = period.ask.first, period.ask.last, period.report.starts
        ends = [*(start - timedelta(1) for start in starts[1:]), last]
        for group in period.report.groups:
            values = list(_values(group, things, made.names))
            for part, (start, end) in enumerate(zip(starts, ends, strict=True) if group.series else ()):
                numbers = [group.series[figure][part] for figure in figures]
                yield [period.name, part, start.isoformat(), end.isoformat(), *values, *numbers]
            yield [period.name, "total", first.isoformat(), last.isoformat(), *values, *group.totals.values()]


def _presented(period: _Period, names: Mapping[str, str | None]) -> dict[str, Any]:
    return {
        "from": period.ask.first.isoformat(),
        "to": period.ask.last.isoformat(),
        "starts": [day.isoformat() for day in period.report.starts],
        "groups": [
            {
                "key": key_of(group.parts),
                "parts": [_presented_part(part, names) for part in group.parts],
                "totals": dict(group.totals),
                "series": {figure: list(numbers) for figure, numbers in group.series.items()},
            }
            for group in period.report.groups
        ],
    }


def _presented_part(part: Part, names: Mapping[str, str | None]) -> dict[str, Any]:
    return {
        "by": name_of(part),
        "value": part.value,
        "name": _name(part, names),
        "isOther": part.is_other,
    }


def _name(part: Part, names: Mapping[str, str | None]) -> str | None:
    return names.get(part.value) if part.value is not None and name_of(part) in PEOPLE else None


def _values(group: Group, things: Sequence[str], names: Mapping[str, str | None]) -> Iterator[Value]:
    """Yield what the columns say of a group."""
    parts = {name_of(part): part for part in group.parts}
    for thing in things:
        part = parts.get(thing)
        if part is None:
            yield "(all)"
        elif part.value is None:
            yield "(other)" if part.is_other else "(none)"
        else:
            yield part.value
        if thing in PEOPLE:
            yield None if part is None else _name(part, names)


# --- tickets ----------------------------------------------------------------------------------------------------------


def presented_tickets(behind: Behind) -> dict[str, Any]:
    """Return a page of the tickets behind a number as JSON."""
    return {
        "tickets": [_ticket(ticket, row, behind) for ticket, row in behind.tickets],
        "asOf": behind.rows.as_of,
        "complete": behind.rows.complete,
    }


def ticket_rows(behind: Behind) -> Iterator[Sequence[Value]]:
    """Yield the names of the columns, then a row for each ticket. Times are the zone's, as spreadsheets read them."""
    people = ("reporter", "reporter.name", "assignedTo", "assignedTo.name")
    yield [*_TICKET, *people, *_MOMENTS, *(each.value for each in Counts), *_TIMES]
    for ticket, row in behind.tickets:
        shown = _ticket(ticket, row, behind)
        facts = shown.pop("facts")
        known = [shown[name] or {"id": None, "name": None} for name in people[::2]]
        yield [
            *(_local(shown[name], behind.ask) if name == "createdAt" else _text(shown[name]) for name in _TICKET),
            *(value for person in known for value in (person["id"], person["name"])),
            *(_local(facts[name], behind.ask) for name in _MOMENTS),
            *(facts[name] for name in (*(each.value for each in Counts), *_TIMES)),
        ]


def _ticket(ticket: Ticket, row: Row, behind: Behind) -> dict[str, Any]:
    shown = ticket.model_dump(mode="json", by_alias=True)
    people = {"reporter": ticket.reporter_id, "assignedTo": ticket.assigned_to_id}
    return {
        **{name: shown[name] for name in _TICKET},
        **{
            name: None if each is None else {"id": each, "name": behind.names.get(each)}
            for name, each in people.items()
        },
        "facts": {
            **{name: _time(row.facts[column], unit) for name, (column, unit) in _MOMENTS.items()},
            **{each.value: row.facts[each] for each in Counts},
            **{name: row.facts[each.column(behind.ask.clock)] for name, each in _TIMES.items()},
        },
    }


def _time(value: int | None, unit: int) -> str | None:
    return None if value is None else clock.timestamp(moment(value * unit))


def _local(time: str | None, ask: Ask) -> str | None:
    return None if time is None else f"{datetime.fromisoformat(time).astimezone(ask.zone):%Y-%m-%d %H:%M:%S}"


def _text(value: Any) -> Value:  # noqa: ANN401 - a field of a ticket
    return ", ".join(value) if isinstance(value, list) else value
