"""Which events concern whom, and who may see them: topic x role x event."""

import pytest

from tests.unit.live.support import commented, updated
from tests.unit.support import ADMIN, AGENT, AGENT_ID, OTHER_ID, OTHER_REPORTER, REPORTER, REPORTER_ID, TICKET_ID
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.live.topics import of_ticket, topics_of
from ticketing.tickets.events import Change
from ticketing.tickets.kinds import Visibility
from ticketing.tickets.rules import may_see

TICKET = of_ticket(TICKET_ID)


def test_a_ticket_is_mine_for_reporter_and_assignee_alone() -> None:
    event = updated(assignee=AGENT_ID)
    assert topics_of(event, REPORTER_ID) == {TICKET, "mine", "queue"}
    assert topics_of(event, AGENT_ID) == {TICKET, "mine", "queue"}
    assert topics_of(event, OTHER_ID) == {TICKET, "queue"}


def test_who_loses_a_ticket_is_told_that_they_do() -> None:
    change = Change(before=OTHER_ID, after=AGENT_ID)
    assert "mine" in topics_of(updated(assignee=AGENT_ID, assignedToId=change), OTHER_ID)
    assert "mine" in topics_of(updated(reporterId=change), OTHER_ID)
    assert "mine" not in topics_of(updated(title=Change(before=OTHER_ID, after="T")), OTHER_ID)


@pytest.mark.parametrize("caller", [ADMIN, AGENT], ids=lambda caller: caller.role)
def test_agents_and_admins_see_all(caller: Caller) -> None:
    for event in (updated(), commented(Visibility.PUBLIC), commented(Visibility.INTERNAL)):
        assert may_see(caller, event)


def test_reporters_see_their_own_and_nothing_internal() -> None:
    assert may_see(REPORTER, updated())
    assert may_see(REPORTER, commented(Visibility.PUBLIC))
    assert not may_see(REPORTER, commented(Visibility.INTERNAL))
    assert not may_see(OTHER_REPORTER, updated())
    assert not may_see(OTHER_REPORTER, updated(assignee=OTHER_ID))


def test_who_is_not_its_reporter_any_more_sees_nothing_of_it() -> None:
    assert not may_see(REPORTER, updated(reporter=OTHER_ID, reporterId=Change(before=REPORTER_ID, after=OTHER_ID)))


def test_an_agent_who_was_made_a_reporter_sees_as_one() -> None:
    assert not may_see(Caller(AGENT_ID, "acme", Role.REPORTER), updated(assignee=AGENT_ID))


def test_an_event_without_a_summary_is_shown_to_nobody() -> None:
    assert not may_see(ADMIN, updated().model_copy(update={"ticket": None}))
