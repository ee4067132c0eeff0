"""The columns of tickets' facts in the embedded index, beside those of `schema`: what reports count and filter by.

Moments are whole minutes since 1970: days begin on one of them in every zone, and a minute takes half the bits that a
millisecond does. None of the columns is searched for words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ticketing.tickets.lifecycle import Status

if TYPE_CHECKING:
    import tantivy

    from ticketing.search.facts import Facts, Span, Step

_MINUTE: Final = 60_000

_DAY_BITS: Final = 20

LAST_DAY: Final = (1 << _DAY_BITS) - 1
"""A day later than any of a ticket."""


class Moments(StrEnum):
    """When something happened, in minutes since 1970; the last three, each time that it did."""

    RESPONSE = "responded"
    FIRST_RESOLUTION = "first_resolved"
    RESOLUTIONS = "resolutions"
    CLOSINGS = "closings"
    REOPENINGS = "reopenings"


class Counts(StrEnum):
    """How often something happened."""

    REOPENED = "reopened"
    REASSIGNED = "reassigned"


class Clock(StrEnum):
    """Which minutes are counted."""

    ELAPSED = "elapsed"
    BUSINESS = "business"


class Duration(StrEnum):
    """How long something took, in minutes: a column for each clock."""

    UNTIL_RESPONSE = "until_response"
    UNTIL_FIRST_RESOLUTION = "until_first_resolution"
    UNTIL_LAST_RESOLUTION = "until_last_resolution"
    NEW = "in_new"
    OPEN = "in_open"
    IN_PROGRESS = "in_in_progress"
    RESOLVED = "in_resolved"

    def column(self, clock: Clock) -> str:
        """Return the column by this clock."""
        return f"{self.value}_{clock.value}"


class People(StrEnum):
    """Who did something."""

    RESPONDER = "responder"
    RESOLVER = "resolver"
    """Who resolved it last."""


class Days(StrEnum):
    """The days at whose ends a ticket has another status than before, each as two values of `step_value`."""

    LOCAL = "days"
    """In the tenant's zone; empty where that is UTC."""
    UTC = "days_utc"


_TIMES: Final = {
    Status.NEW: Duration.NEW,
    Status.OPEN: Duration.OPEN,
    Status.IN_PROGRESS: Duration.IN_PROGRESS,
    Status.RESOLVED: Duration.RESOLVED,
}
"""The time as CLOSED says nothing: tickets are closed to stay so."""

_CODES: Final = {status: code for code, status in enumerate(Status)}


def minute_of(milliseconds: int) -> int:
    """Return a moment (milliseconds since 1970) as the columns have it."""
    return milliseconds // _MINUTE


def step_value(status: Status, day: int, *, entered: bool) -> int:
    """Return the value of a ticket that has, or no longer has, a status at the end of a day.

    Those of one status and one direction are in a row, by their days.
    """
    return ((2 * _CODES[status] + entered) << _DAY_BITS) + day


def add_columns(builder: tantivy.SchemaBuilder) -> None:
    """Add the columns to the schema."""
    for column in (*Moments, *Counts, *(each.column(clock) for each in Duration for clock in Clock), *Days):
        builder.add_unsigned_field(column, fast=True)
    for person in People:
        builder.add_text_field(person, tokenizer_name="raw", fast=True, index_option="basic")


def add_facts(made: tantivy.Document, facts: Facts) -> None:
    """Add a ticket's facts to its document."""
    for column, value in _numbers(facts):
        made.add_unsigned(column, value)
    for person, act in ((People.RESPONDER, facts.response), (People.RESOLVER, next(reversed(facts.resolutions), None))):
        if act is not None and act.by is not None:
            made.add_text(person, act.by)


def _numbers(facts: Facts) -> Iterator[tuple[str, int]]:
    acts = {
        Moments.RESPONSE: [facts.response] if facts.response else [],
        Moments.FIRST_RESOLUTION: facts.resolutions[:1],
        Moments.RESOLUTIONS: facts.resolutions,
        Moments.CLOSINGS: facts.closings,
        Moments.REOPENINGS: facts.reopenings,
    }
    for moments, each in acts.items():
        yield from ((moments, minute_of(act.at)) for act in each)
    yield Counts.REOPENED, len(facts.reopenings)
    yield Counts.REASSIGNED, len(facts.reassignments)
    yield from _spans(Duration.UNTIL_RESPONSE, facts.until_response)
    yield from _spans(Duration.UNTIL_FIRST_RESOLUTION, facts.until_first_resolution)
    yield from _spans(Duration.UNTIL_LAST_RESOLUTION, facts.until_last_resolution)
    for status, duration in _TIMES.items():
        yield from _spans(duration, facts.time_in.get(status))
    yield from ((Days.LOCAL, value) for value in _step_values(facts.steps))
    yield from ((Days.UTC, value) for value in _step_values(facts.steps_utc))


def _spans(duration: Duration, span: Span | None) -> Iterator[tuple[str, int]]:
    if span is not None:
        yield duration.column(Clock.ELAPSED), span.elapsed
        yield duration.column(Clock.BUSINESS), span.business


def _step_values(steps: Iterable[Step]) -> Iterator[int]:
    for step in steps:
        if step.left is not None:
            yield step_value(step.left, step.day, entered=False)
        yield step_value(step.entered, step.day, entered=True)
