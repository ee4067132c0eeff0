"""What reports know of a ticket: its facts, a pure function of the ticket's row, its events and a calendar.

Events are taken in the order of the ticket's versions, so neither the order in which they come nor a second copy of one
makes a difference. Where one is damaged or gone, the row has the last word. docs/analytics.md defines every number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Protocol, Self
from zoneinfo import ZoneInfo

from ticketing.calendars.hours import Always
from ticketing.dynamodb.damage import Item, read_all
from ticketing.tickets import outbox
from ticketing.tickets.lifecycle import Status

if TYPE_CHECKING:
    from ticketing.tickets.models import Ticket

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

UTC_KEY: Final = "UTC"
"""The zone, by its name, whose days every ticket has."""

_FIRST_DAY: Final = date(1970, 1, 1).toordinal()

_MINUTE: Final = timedelta(minutes=1)

FINISHED: Final = frozenset({Status.RESOLVED, Status.CLOSED})
"""The statuses of tickets that nobody has to work on: a ticket that leaves them for another is reopened."""


class BusinessTime(Protocol):
    """What counts as business time."""

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Return the business time between two moments."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a tenant's days begin, and what is business time."""

    zone: ZoneInfo
    """In which days begin."""
    business: BusinessTime
    version: str
    """What tells it from every other one: facts of two versions are not counted together without saying so."""

    @classmethod
    def always(cls, zone: ZoneInfo) -> Self:
        """Return the calendar of a tenant that has set none."""
        return cls(zone, Always(), f"always {zone.key}")


@dataclass(frozen=True, slots=True)
class Span:
    """How long something took, in whole minutes: one counts when it has passed."""

    elapsed: int
    business: int
    """Of these, the ones in business time."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody did to the ticket."""

    at: int
    """When, in milliseconds since 1970."""
    by: str | None
    """The id of the user; None if it is not known any more."""


@dataclass(frozen=True, slots=True)
class Step:
    """A day at whose end the ticket has another status than at the end of the day before."""

    day: int
    """Days since 1970-01-01, by local dates."""
    left: Status | None
    """None on the day of its creation."""
    entered: Status


@dataclass(frozen=True, slots=True)
class Facts:
    """What reports know of one ticket. It is no fact how long the present lasts: that depends on when it is asked."""

    created_at: int
    """In milliseconds since 1970, as all moments."""
    response: Act | None
    """The first public comment of an agent or admin who did not report the ticket: its `firstRespondedAt`."""
    until_response: Span | None
    """From its creation."""
    resolutions: tuple[Act, ...]
    """Each time it became RESOLVED."""
    until_first_resolution: Span | None
    """From its creation."""
    until_last_resolution: Span | None
    closings: tuple[Act, ...]
    """Each time it became CLOSED."""
    reopenings: tuple[Act, ...]
    """Each time it left RESOLVED or CLOSED for another status than these."""
    reassignments: tuple[Act, ...]
    """Each time it got another assignee, or lost the one it had; not the first one."""
    time_in: Mapping[Status, Span]
    """How long it was in each status, all stays that have ended together; statuses without one are left out."""
    steps_utc: tuple[Step, ...]
    """Its status at the ends of days in UTC."""
    steps: tuple[Step, ...]
    """The same by days in the tenant's zone; empty if that is UTC."""


@dataclass(frozen=True, slots=True)
class _Move:
    """A change of the status; the first one is the creation, before which there was none."""

    act: Act
    before: Status | None
    after: Status


@dataclass(frozen=True, slots=True)
class _Event:
    """What is needed of an event of the ticket."""

    place: str
    act: Act
    status: tuple[Status | None, Status] | None
    """Before and after, if it changed."""
    reassigns: bool
    responds: bool


def facts_of(ticket: Ticket, items: Iterable[Item], calendar: Calendar) -> Facts:
    """Return the facts of a ticket, from its row and its events among all items under its partition key, in any order.

    Raises
    ------
    TypeError, ValueError
        A time of the row is none. Events that can't be read are left out.
    """
    created_at = milliseconds(ticket.created_at)
    events = _events(items, created_at)
    moves = _moves(ticket, created_at, events)

    def until(act: Act | None) -> Span | None:
        return None if act is None else _span([(moment(created_at), moment(act.at))], calendar)

    resolutions = tuple(each.act for each in moves[1:] if each.after is Status.RESOLVED)
    response = _response(ticket, created_at, events)
    return Facts(
        created_at=created_at,
        response=response,
        until_response=until(response),
        resolutions=resolutions,
        until_first_resolution=until(resolutions[0] if resolutions else None),
        until_last_resolution=until(resolutions[-1] if resolutions else None),
        closings=tuple(each.act for each in moves[1:] if each.after is Status.CLOSED),
        reopenings=tuple(each.act for each in moves if each.before in FINISHED and each.after not in FINISHED),
        reassignments=tuple(event.act for event in events if event.reassigns),
        time_in=_time_in(moves, calendar),
        steps_utc=_steps(moves, UTC),
        steps=() if calendar.zone.key == UTC_KEY else _steps(moves, calendar.zone),
    )


def milliseconds(time: str) -> int:
    """Return a time, RFC 3339, as milliseconds since 1970.

    Raises
    ------
    TypeError, ValueError
        It is none, or was before.
    """
    passed = (datetime.fromisoformat(time) - EPOCH) // timedelta(milliseconds=1)
    if passed < 0:
        message = "before 1970"
        raise ValueError(message)
    return passed


def moment(milliseconds: int) -> datetime:
    """Return the moment so many milliseconds after 1970 began."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def day_of(date_: date) -> int:
    """Return a date as days since 1970-01-01."""
    return date_.toordinal() - _FIRST_DAY


def _events(items: Iterable[Item], created_at: int) -> Sequence[_Event]:
    """Return the ticket's events in the order of its versions, each once.

    The clocks of two machines differ, so a later version may have an earlier time: it counts as made at the same time.
    """
    by_place = {event.place: event for event in read_all(filter(outbox.is_event_key, items), _event)}
    found: list[_Event] = []
    latest = created_at
    for _, event in sorted(by_place.items()):
        latest = max(latest, event.act.at)
        found.append(replace(event, act=Act(latest, event.act.by)))
    return found


def _event(item: Item) -> _Event:
    changes = item["changes"]["M"]
    status = _values(changes, "status")
    assignee = _values(changes, "assignedToId")
    return _Event(
        place=item["SK"]["S"],
        act=Act(milliseconds(item["occurredAt"]["S"]), item["actorId"]["S"]),
        status=None if status is None else (Status(status[0]) if status[0] else None, Status(status[1] or "")),
        reassigns=assignee is not None and assignee[0] is not None,
        responds="firstRespondedAt" in changes,
    )


def _values(changes: Mapping[str, Any], field: str) -> tuple[str | None, str | None] | None:
    """Return a field's values before and after a change; None if it did not change."""
    change = changes.get(field, {}).get("M")
    return None if change is None else (change.get("from", {}).get("S"), change.get("to", {}).get("S"))


def _moves(ticket: Ticket, created_at: int, events: Sequence[_Event]) -> Sequence[_Move]:
    """Return the changes of the status without a gap, from the creation up to the status that the row has."""
    known = [(event.act, *event.status) for event in events if event.status is not None]
    if known and known[0][1] is None:
        act, _, status = known.pop(0)
        moves = [_Move(Act(created_at, act.by), None, status)]
    else:  # the event of the creation is damaged, or one of very many
        moves = [_Move(Act(created_at, None), None, known[0][1] or ticket.status if known else ticket.status)]
    for act, _, after in known:
        if after is not moves[-1].after:
            moves.append(_Move(act, moves[-1].after, after))
    if moves[-1].after is not ticket.status:
        at = max(milliseconds(ticket.updated_at), moves[-1].act.at)
        moves.append(_Move(Act(at, None), moves[-1].after, ticket.status))
    return moves


def _response(ticket: Ticket, created_at: int, events: Sequence[_Event]) -> Act | None:
    if ticket.first_responded_at is None:
        return None
    by = next((event.act.by for event in events if event.responds), None)
    return Act(max(created_at, milliseconds(ticket.first_responded_at)), by)


def _time_in(moves: Sequence[_Move], calendar: Calendar) -> Mapping[Status, Span]:
    stays = [(move.after, moment(move.act.at), moment(following.act.at)) for move, following in pairwise(moves)]
    return {
        status: _span([(first, last) for each, first, last in stays if each is status], calendar)
        for status in {each for each, _, _ in stays}
    }


def _span(stays: Iterable[tuple[datetime, datetime]], calendar: Calendar) -> Span:
    """Return how long all stays are together."""
    elapsed = business = timedelta()
    for first, last in stays:
        elapsed += last - first
        business += calendar.business.between(first, last)
    return Span(elapsed // _MINUTE, business // _MINUTE)


def _steps(moves: Sequence[_Move], zone: tzinfo) -> tuple[Step, ...]:
    """Return on which days the status at their end is another one: what changes back within a day is no step."""
    at_end = {day_of(moment(move.act.at).astimezone(zone).date()): move.after for move in moves}
    return tuple(_stepped(at_end))


def _stepped(at_end: Mapping[int, Status]) -> Iterator[Step]:
    left: Status | None = None
    for day, status in at_end.items():
        if status is not left:
            yield Step(day, left, status)
            left = status
