"""Who is mailed about an event, and why: rules as data, without AWS."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.tickets.events import EventType
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.rules import may_see
from ticketing.users.models import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ticketing.mail.recipients import Reader
    from ticketing.tickets.events import TicketEvent

OLDEST: Final = timedelta(hours=24)
"""The age of an event (redriven, replayed) from which on nobody wants a mail about it."""


class Reason(StrEnum):
    """Why somebody is mailed, by the name of the preference; of several reasons, the first one here counts."""

    MENTIONED = "mentioned"
    ASSIGNED = "assigned"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    COMMENTED = "commented"


class Skipped(StrEnum):
    """Why somebody whom an event concerns is not mailed."""

    TOO_OLD = "too_old"
    COMMENT_GONE = "comment_gone"
    NOBODY = "nobody"
    """They left, are an API key, or have no address."""
    HIDDEN = "hidden"
    """They may not see the ticket, or the comment."""
    MAIL_OFF = "mail_off"
    UNWANTED = "unwanted"
    """Their preferences leave out each of the reasons."""


_CLOSED: Final = frozenset({Status.RESOLVED, Status.CLOSED})


def is_too_old(event: TicketEvent) -> bool:
    """Return whether the event is of so long ago that nobody is mailed about it any more."""
    return clock.now() - datetime.fromisoformat(event.occurred_at) > OLDEST


def told_to_watchers(event: TicketEvent) -> Reason | None:
    """Return why those who watch the ticket are mailed; None if they are not."""
    if event.type is EventType.COMMENT_ADDED:
        return Reason.COMMENTED
    status = event.changes.get("status")
    if event.type is not EventType.TICKET_TRANSITIONED or status is None:
        return None
    if status.after == Status.RESOLVED:
        return Reason.RESOLVED
    return Reason.REOPENED if status.after == Status.OPEN and status.before in _CLOSED else None


def reasons_of(event: TicketEvent, watchers: Collection[str]) -> dict[str, list[Reason]]:
    """Return the ids of those whom an event concerns, each with all reasons, the one that counts most first.

    Whoever did it knows already. Editing a comment concerns nobody anew.
    """
    assigned = event.changes.get("assignedToId")
    to_watchers = told_to_watchers(event)
    concerned: dict[Reason, Iterable[str]] = {
        Reason.MENTIONED: event.mentions or () if event.type is EventType.COMMENT_ADDED else (),
        Reason.ASSIGNED: [assigned.after] if assigned and assigned.after else (),
    }
    if to_watchers is not None:
        concerned[to_watchers] = watchers
    reasons: dict[str, list[Reason]] = {}
    for reason in Reason:
        for user_id in concerned.get(reason, ()):
            reasons.setdefault(user_id, []).append(reason)
    reasons.pop(event.actor.id, None)
    return reasons


def reason_for(reader: Reader | None, reasons: Iterable[Reason], event: TicketEvent) -> Reason | Skipped:
    """Return the reason that a reader is mailed for, or why they are not."""
    if reader is None or not reader.active or reader.kind is not Kind.PERSON or reader.email is None:
        return Skipped.NOBODY
    if not may_see(Caller(reader.id, event.tenant_id, reader.role), event):
        return Skipped.HIDDEN
    if not reader.notifications.mail:
        return Skipped.MAIL_OFF
    wanted = reader.notifications.model_dump()
    return next((reason for reason in reasons if wanted[reason]), Skipped.UNWANTED)
