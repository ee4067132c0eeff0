"""Who gets an email about an event, and why: rules as data, without AWS."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.tickets.kinds import EventType
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.rules import may_see
from ticketing.users.states import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ticketing.mail.recipients import Recipient
    from ticketing.tickets.events import TicketEvent

OLDEST: Final = timedelta(hours=24)
"""The age from which on nobody wants an email about an event, which was redriven or replayed then."""


class Reason(StrEnum):
    """Why somebody gets an email, by the name of the preference; of several reasons, the first one here counts."""

    MENTIONED = "mentioned"
    ASSIGNED = "assigned"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    COMMENTED = "commented"


class Skipped(StrEnum):
    """Why somebody whom an event concerns gets no email."""

    TOO_OLD = "too_old"
    COMMENT_GONE = "comment_gone"
    NOBODY = "nobody"
    """They left, have not accepted their invitation, are an API key, or have no email address."""
    HIDDEN = "hidden"
    """They may not see the ticket, or the comment."""
    MAIL_OFF = "mail_off"
    OVER_BUDGET = "over_budget"
    """So many wait already that nobody would want it when its turn came."""
    UNWANTED = "unwanted"
    """Their preferences leave out each of the reasons."""


_CLOSED: Final = frozenset({Status.RESOLVED, Status.CLOSED})


def is_too_old(event: TicketEvent) -> bool:
    """Return whether the event is too old for an email."""
    return clock.now() - datetime.fromisoformat(event.occurred_at) > OLDEST


def reason_for_watchers(event: TicketEvent) -> Reason | None:
    """Return why watchers of the ticket get an email; None if they don't."""
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

    The actor gets no email about their own action. Nobody gets one about an edited comment.
    """
    assigned = event.changes.get("assignedToId")
    for_watchers = reason_for_watchers(event)
    concerned: dict[Reason, Iterable[str]] = {
        Reason.MENTIONED: event.mentions or () if event.type is EventType.COMMENT_ADDED else (),
        Reason.ASSIGNED: [assigned.after] if assigned and assigned.after else (),
    }
    if for_watchers is not None:
        concerned[for_watchers] = watchers
    reasons: dict[str, list[Reason]] = {}
    for reason in Reason:
        for user_id in concerned.get(reason, ()):
            reasons.setdefault(user_id, []).append(reason)
    reasons.pop(event.actor.id, None)
    return reasons


def reason_for(recipient: Recipient | None, reasons: Iterable[Reason], event: TicketEvent) -> Reason | Skipped:
    """Return why a recipient gets an email, or why not."""
    if recipient is None or not recipient.active or recipient.kind is not Kind.PERSON or recipient.email is None:
        return Skipped.NOBODY
    if recipient.invited_until is not None:
        return Skipped.NOBODY
    if not may_see(Caller(recipient.id, event.tenant_id, recipient.role), event):
        return Skipped.HIDDEN
    if not recipient.notifications.mail:
        return Skipped.MAIL_OFF
    wanted = recipient.notifications.model_dump()
    return next((reason for reason in reasons if wanted[reason]), Skipped.UNWANTED)
