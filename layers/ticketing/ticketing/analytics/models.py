"""What is asked of reports, and what they answer. docs/analytics.md defines every figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ticketing.search.columns import Clock

if TYPE_CHECKING:
    from ticketing.search.language import Query
    from ticketing.tickets.kinds import Priority

type Number = int | float | None
"""A count, minutes, or a share from 0 to 1; None where there is nothing to say, such as the median of no ticket."""


class ReportName(StrEnum):
    """The reports."""

    VOLUME = "volume"
    BACKLOG = "backlog"
    RESPONSIVENESS = "responsiveness"
    REOPENINGS = "reopenings"
    WORKLOAD = "workload"
    AGE = "age"


class By(StrEnum):
    """What tickets are grouped by, as they are now."""

    STATUS = "status"
    PRIORITY = "priority"
    TYPE = "type"
    TAG = "tag"
    ASSIGNEE = "assignee"
    REPORTER = "reporter"


class Interval(StrEnum):
    """How long the parts of a period are; the first and the last may be shorter."""

    DAY = "day"
    WEEK = "week"
    """From Monday on."""
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Targets:
    """Within how many minutes a tenant wants to respond to tickets and to resolve them; a priority may have none."""

    response: Mapping[Priority, int] = field(default_factory=dict)
    resolution: Mapping[Priority, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask:
    """A report as somebody asks for it."""

    report: ReportName
    first: date
    """The first day of the period."""
    last: date
    """Its last day, which is part of it."""
    zone: ZoneInfo
    """In which days begin: the tenant's, or UTC."""
    now: datetime
    query: Query
    """Which tickets are counted: those that a search by an agent finds, without addresses (`bound`)."""
    interval: Interval = Interval.DAY
    by: tuple[By, ...] = ()
    """At most two."""
    clock: Clock = Clock.BUSINESS
    targets: Targets = field(default_factory=Targets)


@dataclass(frozen=True, slots=True)
class Part:
    """One value of what tickets are grouped by."""

    by: By | None
    """None for the agents of the workload, who are not what a ticket has but who did something."""
    value: str | None
    """As the index has it: people by their ids, tags folded; None for tickets without one, such as unassigned ones."""
    is_other: bool = False
    """All tickets with none of the values that have groups of their own, though with some; `value` is None then."""


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of some tickets."""

    parts: tuple[Part, ...]
    """What they have in common; nothing for all tickets."""
    totals: Mapping[str, Number]
    """For the whole period, by the figures' names."""
    series: Mapping[str, Sequence[Number]] = field(default_factory=dict)
    """For each part of the period, in its order."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report, and how far it can be trusted."""

    starts: Sequence[date]
    """The first day of each part of the period; the last part ends with the period."""
    groups: Sequence[Group]
    """All tickets first; then the groups asked for, the largest first, then the others, then those without a value."""
    as_of: str | None
    """The time up to which changes are in it, RFC 3339; None if there was no index yet."""
    complete: bool
    """Whether all tickets are in it: not while a first index is being built."""
    recomputing: bool
    """Whether the calendar or zone has changed, and facts of the one before are still in it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A number of a report that is opened into its tickets: a count, or one that is computed from just these."""

    figure: str
    part: int | None = None
    """Which part of the period, counted from 0; None for all of it."""
    group: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A ticket behind a number, with its facts, as the columns of the index have them: durations are minutes."""

    ticket_id: str
    facts: Mapping[str, int | None]
    """By the names of the columns; None for what has not happened."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of the tickets behind a number, the newest first. It may be shorter than asked and not be the last one."""

    rows: Sequence[Row]
    after: int | None
    """Where the next page begins; None after the last one."""
    as_of: str | None = None
    """As in the report."""
    complete: bool = False
