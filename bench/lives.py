"""Made-up lives of tickets: what happens to one from its creation on, as events of its history; always the same.

Most are answered within hours and resolved within days; some come back, some are never looked at.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from ticketing import clock
from ticketing.search.documents import Document
from ticketing.search.facts import Calendar, facts_of
from ticketing.tickets.kinds import Priority, TicketType
from ticketing.tickets.lifecycle import LIFECYCLE, Status
from ticketing.tickets.models import Ticket

type Item = dict[str, Any]

_HOUR: Final = 3_600_000

_MEAN: Final = {Status.NEW: 6, Status.OPEN: 12, Status.IN_PROGRESS: 30, Status.RESOLVED: 72, Status.CLOSED: 600}
"""After how many hours a ticket leaves a status, on average."""

_LIKELY: Final = {
    (Status.NEW, Status.OPEN): 12,
    (Status.OPEN, Status.IN_PROGRESS): 8,
    (Status.OPEN, Status.RESOLVED): 4,
    (Status.IN_PROGRESS, Status.RESOLVED): 8,
    (Status.RESOLVED, Status.CLOSED): 8,
}
"""How likely a transition is, where others have 1."""

_FROM: Final = {
    status: [(row.target, _LIKELY.get((status, row.target), 1)) for row in LIFECYCLE if row.source is status]
    for status in Status
}


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of a ticket's history."""

    at: int
    """In milliseconds since 1970."""
    by: str
    changes: dict[str, tuple[str | None, str | None]]
    """The values of fields before and after."""


@dataclass(frozen=True, slots=True)
class Weekdays:
    """Business time from Monday to Friday, from 9 to 17 o'clock, in a zone whose clocks change outside of these."""

    zone: ZoneInfo

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Return the business time between two moments."""
        return self._open(end) - self._open(start)

    def _open(self, moment: datetime) -> timedelta:
        """Return how much business time there was before a moment, since some Monday."""
        local = moment.astimezone(self.zone)
        weeks, weekday = divmod(local.toordinal() - 1, 7)  # the first day of the first year was a Monday
        today = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        of_today = min(max(today - timedelta(hours=9), timedelta()), timedelta(hours=8)) if weekday < 5 else timedelta()
        return timedelta(hours=8) * (5 * weeks + min(weekday, 5)) + of_today


def life(chance: random.Random, created: int, now: int, reporter: str, agents: list[str]) -> Iterator[Happening]:
    """Yield what happens to a ticket from its creation until now."""
    status = Status.OPEN if chance.random() < 0.1 else Status.NEW
    assignee: str | None = chance.choice(agents) if chance.random() < 0.2 else None
    first: dict[str, tuple[str | None, str | None]] = {"status": (None, status.value)}
    yield Happening(created, reporter, first | ({"assignedToId": (None, assignee)} if assignee else {}))
    at, answers = created, created + int(chance.expovariate(1 / (5 * _HOUR)))
    answered = chance.random() < 0.15  # nobody ever answers these
    while True:
        left = chance.expovariate(1 / (_MEAN[status] * _HOUR)) if chance.random() > 0.02 else chance.random() * _HOUR
        at += int(left)
        if not answered and answers < min(at, now):
            answered = True
            yield Happening(
                answers, chance.choice(agents), {"firstRespondedAt": (None, clock.timestamp(_time(answers)))}
            )
        if at >= now:
            return
        targets, weights = zip(*_FROM[status], strict=True)
        (target,) = chance.choices(targets, weights)
        changes: dict[str, tuple[str | None, str | None]] = {"status": (status.value, target.value)}
        if assignee is None or chance.random() < 0.15:
            other = chance.choice(agents)
            if other != assignee:
                changes["assignedToId"] = (assignee, other)
                assignee = other
        yield Happening(at, assignee or reporter, changes)
        status = target


def items_of(happenings: list[Happening]) -> list[Item]:
    """Return the items of a history in the table, as far as facts are made of them."""
    return [
        {
            "SK": {"S": f"EVENT#{version:010d}"},
            "occurredAt": {"S": clock.timestamp(_time(each.at))},
            "actorId": {"S": each.by},
            "changes": {"M": {name: _changed(*values) for name, values in each.changes.items()}},
        }
        for version, each in enumerate(happenings, start=1)
    ]


def _changed(before: str | None, after: str | None) -> Item:
    return {"M": {key: {"S": value} for key, value in (("from", before), ("to", after)) if value is not None}}


def lived(document: Document, happenings: list[Happening], calendar: Calendar) -> Document:
    """Return a ticket after all of this has happened to it, with its facts."""
    now: dict[str, str | None] = {}
    for each in happenings:
        now |= {name: after for name, (_, after) in each.changes.items()}
    ticket = Ticket(
        id=document.ticket_id,
        tenant_id="acme",
        number=document.number,
        title=document.title,
        description="",
        reporter_id=document.reporter_id,
        version=len(happenings),
        status=Status(now["status"] or ""),
        priority=Priority(document.priority),
        type=TicketType(document.type),
        created_at=clock.timestamp(_time(happenings[0].at)),
        updated_at=clock.timestamp(_time(happenings[-1].at)),
        first_responded_at=now.get("firstRespondedAt"),
    )
    facts = facts_of(ticket, items_of(happenings), calendar)
    return replace(
        document,
        status=ticket.status.value,
        assignee_id=now.get("assignedToId"),
        created_at=facts.created_at,
        updated_at=happenings[-1].at,
        resolved_at=facts.resolutions[-1].at if facts.resolutions else None,
        facts=facts,
    )


def _time(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
