"""Who hears of files: history, live updates, webhooks and emails, by the same rules as of comments."""

import pytest

from tests.unit.mail.support import happened
from tests.unit.support import ADMIN, AGENT, MOMENT_TEXT, OTHER_REPORTER, REPORTER, TICKET_ID, a_ticket, an_event
from ticketing.events.publishing import entry_of
from ticketing.live.messages import event_text
from ticketing.live.topics import topics_of
from ticketing.mail.rules import reasons_of
from ticketing.tickets.events import TicketEvent
from ticketing.tickets.kinds import EventType, Visibility
from ticketing.tickets.outbox import item_of
from ticketing.tickets.rules import may_see
from ticketing.webhooks.models import Webhook

OF_FILES = (EventType.ATTACHMENT_ADDED, EventType.ATTACHMENT_REJECTED, EventType.ATTACHMENT_REMOVED)


def event(kind: EventType, visibility: Visibility) -> TicketEvent:
    return an_event(a_ticket(), kind).model_copy(update={"attachment_id": TICKET_ID, "visibility": visibility})


def webhook(*, internal: bool) -> Webhook:
    return Webhook.model_validate(
        {
            "id": "w",
            "tenantId": "acme",
            "url": "https://hooks.example.com/",
            "eventTypes": ["*"],
            "internalComments": internal,
            "active": True,
            "createdById": "x",
            "version": 1,
            "createdAt": MOMENT_TEXT,
            "updatedAt": MOMENT_TEXT,
        }
    )


@pytest.mark.parametrize("kind", OF_FILES)
def test_internal_files_are_heard_of_by_agents_and_admins_alone(kind: EventType) -> None:
    public, internal = (event(kind, visibility) for visibility in (Visibility.PUBLIC, Visibility.INTERNAL))
    callers = (REPORTER, OTHER_REPORTER, AGENT, ADMIN)
    assert [may_see(caller, public) for caller in callers] == [True, False, True, True]
    assert [may_see(caller, internal) for caller in callers] == [False, False, True, True]
    assert webhook(internal=False).wants(kind, internal=public.is_internal)
    assert not webhook(internal=False).wants(kind, internal=internal.is_internal)
    assert webhook(internal=True).wants(kind, internal=internal.is_internal)


@pytest.mark.parametrize("kind", OF_FILES)
def test_live_updates_and_the_bus_name_the_file_and_nobody_is_mailed(kind: EventType) -> None:
    told = event(kind, Visibility.PUBLIC)
    assert "mine" in topics_of(told, REPORTER.user_id)
    for text in (event_text(told), entry_of(told, "bus")["Detail"]):
        assert f'"attachmentId":"{TICKET_ID}"' in text
    assert reasons_of(told, {REPORTER.user_id}) == {}


def test_several_events_of_files_may_come_with_one_version() -> None:
    first, second = (event(OF_FILES[0], Visibility.PUBLIC) for _ in range(2))
    assert item_of(first)["SK"] == f"EVENT#0000000001#{first.id}" != item_of(second)["SK"]
    assert item_of(happened("updated"))["SK"] == "EVENT#0000000001"
