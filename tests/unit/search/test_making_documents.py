"""What of a ticket's item collection is searched, and by whom."""

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.unit.support import AGENT, AGENT_ID, MOMENT_TEXT, REPORTER_ID, TICKET_ID, a_ticket
from ticketing.access.roles import Role
from ticketing.attachments.models import Attachment, State
from ticketing.comments.models import Comment
from ticketing.dynamodb.attributes import to_item
from ticketing.search.documents import Document, document_of
from ticketing.search.facts import Calendar, milliseconds
from ticketing.tickets.events import Change, TicketEvent
from ticketing.tickets.keys import ticket_partition
from ticketing.tickets.kinds import EventType, Visibility
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Ticket
from ticketing.tickets.outbox import item_of

type Item = dict[str, Any]

PARTITION = ticket_partition("acme", TICKET_ID)
CALENDAR = Calendar.always(ZoneInfo("UTC"))
LATER = "2026-02-03T08:15:04.120Z"


def ticket_item(ticket: Ticket) -> Item:
    return to_item({"PK": PARTITION, "SK": "TICKET", "listKey": "x"} | ticket.model_dump(mode="json", by_alias=True))


def comment_item(number: int, body: str, visibility: Visibility = Visibility.PUBLIC) -> Item:
    comment = Comment(
        id=f"c{number}",
        tenant_id="acme",
        ticket_id=TICKET_ID,
        author_id=AGENT_ID,
        body=body,
        visibility=visibility,
        created_at=MOMENT_TEXT,
        updated_at=MOMENT_TEXT,
    )
    return to_item({"PK": PARTITION, "SK": f"COMMENT#c{number}"} | comment.model_dump(mode="json", by_alias=True))


def file_item(number: int, state: State = State.CLEAN, visibility: Visibility = Visibility.PUBLIC) -> Item:
    file = Attachment(
        id=f"f{number}",
        tenant_id="acme",
        ticket_id=TICKET_ID,
        file_name=f"file-{number}.png",
        content_type="image/png",
        size=1,
        sha256="0" * 64,
        state=state,
        visibility=visibility,
        announced_as=visibility,
        uploaded_by_id=AGENT_ID,
        uploaded_by_role=Role.AGENT,
        created_at=MOMENT_TEXT,
    )
    return to_item({"PK": PARTITION, "SK": f"ATTACHMENT#f{number}"} | file.model_dump(mode="json", by_alias=True))


def event_item(version: int, time: str, **changes: Change) -> Item:
    ticket = a_ticket(version=version, updated_at=time)
    return to_item(item_of(TicketEvent.of(EventType.TICKET_TRANSITIONED, ticket, AGENT, changes)))


def moved(version: int, time: str, before: Status, after: Status) -> Item:
    return event_item(version, time, status=Change(before=before, after=after))


def made(*items: Item) -> Document:
    document = document_of(sorted(items, key=lambda item: str(item["SK"]["S"])), CALENDAR)
    assert document is not None
    return document


def test_a_ticket_alone() -> None:
    ticket = a_ticket(tags=["vpn"], assigned_to_id=AGENT_ID, resolution="A new router.", updated_at=LATER)
    assert replace(made(ticket_item(ticket), event_item(1, MOMENT_TEXT)), facts=None) == Document(
        ticket_id=TICKET_ID,
        number=1,
        status="NEW",
        priority="MEDIUM",
        type="INCIDENT",
        tags=("vpn",),
        assignee_id=AGENT_ID,
        reporter_id=REPORTER_ID,
        created_at=1_770_020_104_120,
        updated_at=1_770_106_504_120,
        resolved_at=None,
        title="VPN drops",
        texts=("Every ten minutes.", "A new router."),
        internal=(),
        has_file=False,
        has_internal_file=False,
    )


def test_what_is_internal_is_apart() -> None:
    document = made(
        ticket_item(a_ticket()),
        comment_item(1, "first"),
        comment_item(2, "secret", Visibility.INTERNAL),
        comment_item(3, "third"),
        file_item(1),
        file_item(2, visibility=Visibility.INTERNAL),
    )
    assert document.texts == ("Every ten minutes.", "first", "third", "file-1.png")
    assert document.internal == ("secret", "file-2.png")
    assert (document.has_file, document.has_internal_file) == (True, True)


@pytest.mark.parametrize(
    ("state", "searched"),
    [
        (State.PENDING, True),
        (State.SCANNING, True),
        (State.CLEAN, True),
        (State.INFECTED, False),
        (State.UNSCANNABLE, False),
    ],
)
def test_rejected_files_are_not_searched(state: State, searched: bool) -> None:  # noqa: FBT001
    document = made(ticket_item(a_ticket()), file_item(1, state))
    assert ("file-1.png" in document.texts, document.has_file) == (searched, searched)


def test_ids_of_people_that_a_comment_mentions_are_not_searched() -> None:
    document = made(ticket_item(a_ticket()), comment_item(1, f"Ask @[{AGENT_ID}], or @[{AGENT_ID.upper()}]."))
    assert AGENT_ID not in document.texts[1].lower()


def test_a_ticket_in_the_trash_is_gone() -> None:
    assert document_of([comment_item(1, "left"), ticket_item(a_ticket(deleted_at=LATER))], CALENDAR) is None


def test_what_is_left_of_a_purged_ticket_is_no_ticket() -> None:
    assert document_of([], CALENDAR) is None
    assert document_of([comment_item(1, "left"), event_item(1, MOMENT_TEXT)], CALENDAR) is None


def test_it_was_resolved_when_it_was_resolved_last() -> None:
    events = [
        moved(2, "2026-02-02T09:00:00.000Z", Status.OPEN, Status.RESOLVED),
        moved(3, "2026-02-02T10:00:00.000Z", Status.RESOLVED, Status.OPEN),
        moved(4, "2026-02-02T11:00:00.000Z", Status.OPEN, Status.RESOLVED),
        moved(5, "2026-02-02T12:00:00.000Z", Status.RESOLVED, Status.CLOSED),
    ]
    assert made(ticket_item(a_ticket()), *events).resolved_at == milliseconds("2026-02-02T11:00:00.000Z")
    assert made(ticket_item(a_ticket()), *events[1:2]).resolved_at is None


def test_what_can_not_be_read_is_left_out() -> None:
    broken = comment_item(1, "broken") | {"visibility": {"S": "nobody"}}
    event: Item = {"PK": {"S": PARTITION}, "SK": {"S": "EVENT#0000000009"}}
    assert made(ticket_item(a_ticket()), broken, event, comment_item(2, "whole")).texts[1:] == ("whole",)
    assert document_of([ticket_item(a_ticket()) | {"status": {"S": "LOST"}}], CALENDAR) is None


@pytest.mark.parametrize(
    "damage",
    [
        {"createdAt": {"S": "yesterday"}},
        {"createdAt": {"S": "2026-02-02T08:15:03"}},
        {"updatedAt": {"S": "1969-12-31T23:59:59.999Z"}},
        {"number": {"N": "-1"}},
        {"number": {"N": str(2**64)}},
        {"id": {"S": "twelve"}},
        {"listKey": {"S": "x"}, "status": {"S": "LOST"}},
    ],
)
def test_a_damaged_ticket_holds_up_no_other(damage: Item) -> None:
    assert document_of([ticket_item(a_ticket()) | damage], CALENDAR) is None


def test_a_damaged_time_of_a_resolution_is_left_out() -> None:
    event = moved(2, "2026-02-02T09:00:00.000Z", Status.OPEN, Status.RESOLVED) | {"occurredAt": {"S": "then"}}
    assert made(ticket_item(a_ticket()), event).resolved_at is None


def test_of_very_many_comments_the_latest_are_searched() -> None:
    long = [comment_item(number, f"{number} {'x' * 9_996}") for number in range(100, 130)]
    notes = [comment_item(number, f"{number}", Visibility.INTERNAL) for number in range(200, 230)]
    document = made(ticket_item(a_ticket()), *long, *notes)
    assert [text[:3] for text in document.texts[1:]] == [str(number) for number in range(110, 130)]
    assert len(document.internal) == 30
