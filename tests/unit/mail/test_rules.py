"""Who is mailed about what: each reason, each exception."""

from typing import Any

import pytest

from tests.unit.conftest import Clock
from tests.unit.mail.support import commented, happened, moved
from tests.unit.support import ADMIN_ID, AGENT_ID, OTHER_ID, REPORTER_ID
from ticketing.access.roles import Role
from ticketing.mail.recipients import Recipient
from ticketing.mail.rules import (
    Reason,
    Skipped,
    is_too_old,
    reason_for,
    reason_for_watchers,
    reasons_of,
)
from ticketing.tickets.events import Actor, TicketEvent
from ticketing.tickets.kinds import EventType, Visibility
from ticketing.tickets.lifecycle import LIFECYCLE, Status, Transition
from ticketing.users.models import Notifications
from ticketing.users.states import Kind

TOLD = {
    (Status.OPEN, Status.RESOLVED): Reason.RESOLVED,
    (Status.IN_PROGRESS, Status.RESOLVED): Reason.RESOLVED,
    (Status.RESOLVED, Status.OPEN): Reason.REOPENED,
    (Status.CLOSED, Status.OPEN): Reason.REOPENED,
}


@pytest.mark.parametrize("move", LIFECYCLE, ids=lambda move: f"{move.source}-{move.target}")
def test_watchers_are_told_when_a_ticket_is_resolved_or_opened_again(move: Transition) -> None:
    event = moved(move.source, move.target)
    assert reason_for_watchers(event) == TOLD.get((move.source, move.target))
    assert reasons_of(event, {REPORTER_ID} if reason_for_watchers(event) else ()).keys() <= {REPORTER_ID}


@pytest.mark.parametrize(
    ("kind", "reason"), [(kind, Reason.COMMENTED if kind is EventType.COMMENT_ADDED else None) for kind in EventType]
)
def test_watchers_get_an_email_about_new_comments_and_no_other_change(kind: EventType, reason: Reason | None) -> None:
    assert reason_for_watchers(happened("x", kind)) == reason


def test_reasons_are_in_the_order_that_counts() -> None:
    event = commented(mentions=[OTHER_ID, ADMIN_ID])
    assert reasons_of(event, {REPORTER_ID, ADMIN_ID}) == {
        OTHER_ID: [Reason.MENTIONED],
        ADMIN_ID: [Reason.MENTIONED, Reason.COMMENTED],
        REPORTER_ID: [Reason.COMMENTED],
    }
    taken = moved("OPEN", "RESOLVED", changes={"assignedToId": (None, ADMIN_ID)})
    assert reasons_of(taken, {ADMIN_ID}) == {ADMIN_ID: [Reason.ASSIGNED, Reason.RESOLVED]}


@pytest.mark.parametrize(
    "kind", [EventType.TICKET_CREATED, EventType.TICKET_UPDATED, EventType.TICKET_TRANSITIONED], ids=str
)
def test_the_new_assignee_is_told_whatever_assigned_them(kind: EventType) -> None:
    assert reasons_of(happened("x", kind, changes={"assignedToId": (OTHER_ID, ADMIN_ID)}), ()) == {
        ADMIN_ID: [Reason.ASSIGNED]
    }
    assert reasons_of(happened("x", kind, changes={"assignedToId": (ADMIN_ID, None)}), ()) == {}


def test_whoever_did_it_is_told_nothing() -> None:
    everybody = {REPORTER_ID, AGENT_ID}
    assert reasons_of(commented(mentions=[AGENT_ID]), everybody).keys() == {REPORTER_ID}
    assert reasons_of(happened("x", changes={"assignedToId": (None, AGENT_ID)}), ()) == {}


def test_editing_a_comment_mails_nobody() -> None:
    edited = commented(mentions=[OTHER_ID]).model_copy(update={"type": EventType.COMMENT_UPDATED})
    assert reasons_of(edited, {REPORTER_ID} if reason_for_watchers(edited) else ()) == {}


def recipient(**values: Any) -> Recipient:
    plain = Recipient(
        id=REPORTER_ID, kind=Kind.PERSON, name="R", email="r@acme.example", role=Role.REPORTER, active=True
    )
    return plain.model_copy(update=values)


PUBLIC = commented()
INTERNAL = commented(visibility=Visibility.INTERNAL)
NO_MAIL = Notifications(mail=False)


@pytest.mark.parametrize(
    ("who", "event", "expected"),
    [
        pytest.param(recipient(), PUBLIC, Reason.COMMENTED, id="the reporter"),
        pytest.param(recipient(), INTERNAL, Skipped.HIDDEN, id="the reporter, internal"),
        pytest.param(recipient(id=OTHER_ID), PUBLIC, Skipped.HIDDEN, id="another reporter"),
        pytest.param(recipient(id=OTHER_ID, role=Role.AGENT), INTERNAL, Reason.COMMENTED, id="an agent, internal"),
        pytest.param(recipient(id=OTHER_ID, role=Role.ADMIN), INTERNAL, Reason.COMMENTED, id="an admin, internal"),
        pytest.param(recipient(), PUBLIC.model_copy(update={"ticket": None}), Skipped.HIDDEN, id="nobody can tell"),
        pytest.param(None, PUBLIC, Skipped.NOBODY, id="gone"),
        pytest.param(recipient(active=False), PUBLIC, Skipped.NOBODY, id="inactive"),
        pytest.param(recipient(kind=Kind.API_KEY), PUBLIC, Skipped.NOBODY, id="an API key"),
        pytest.param(recipient(email=None), PUBLIC, Skipped.NOBODY, id="without an address"),
        pytest.param(recipient(notifications=NO_MAIL), PUBLIC, Skipped.MAIL_OFF, id="mail is off"),
        pytest.param(
            recipient(notifications=Notifications(commented=False)), PUBLIC, Skipped.UNWANTED, id="not wanted"
        ),
    ],
)
def test_who_gets_a_mail_about_a_comment(who: Recipient | None, event: TicketEvent, expected: Reason | Skipped) -> None:
    assert reason_for(who, [Reason.COMMENTED], event) == expected


def test_who_leaves_out_one_reason_is_mailed_for_the_next() -> None:
    who = recipient(notifications=Notifications(mentioned=False))
    assert reason_for(who, [Reason.MENTIONED, Reason.COMMENTED], PUBLIC) is Reason.COMMENTED
    assert reason_for(who, [Reason.MENTIONED], PUBLIC) is Skipped.UNWANTED


def test_every_reason_is_a_preference() -> None:
    assert set(Reason) == Notifications.model_fields.keys() - {"mail"}


def test_an_event_is_too_old_after_a_day(time: Clock) -> None:
    event = commented(actor=Actor(id=AGENT_ID, role=Role.AGENT))
    time.forward(hours=24)
    assert not is_too_old(event)
    time.forward(seconds=1)
    assert is_too_old(event)
