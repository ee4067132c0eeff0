"""Every move there could be, by every kind of caller, run by the real interpreter and held against the table."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from typing import Any

import pytest

from tests.workflow.machine import (
    AGENT,
    ASSIGNEE,
    OWN_REPORTER,
    REPORTER,
    SOMEBODY,
    Actor,
    Execution,
    Machine,
    Values,
    new_ticket,
)
from ticketing.access.roles import Role
from ticketing.clock import timestamp
from ticketing.tickets.events import SYSTEM_ID
from ticketing.tickets.lifecycle import (
    LIFECYCLE,
    REOPEN_WINDOW,
    Requirement,
    Status,
    allowed_transitions,
)

ACTORS = {
    "reporter": OWN_REPORTER,
    "another_reporter": Actor(SOMEBODY, Role.REPORTER),
    "agent": AGENT,
    "agent_who_reported": Actor(REPORTER, Role.AGENT),
    "admin": Actor(SOMEBODY, Role.ADMIN),
    "admin_who_reported": Actor(REPORTER, Role.ADMIN),
    "system": Actor(SYSTEM_ID, Role.SYSTEM),
}

CASES = list(product(Status, Status, ACTORS))

type Ran = Callable[[Status, Status, str], tuple[Values, Execution]]


@pytest.fixture(scope="module")
def ran(machine: Machine) -> Ran:
    """Run a case, once: on a ticket of its own that lacks nothing."""

    @cache
    def run(source: Status, target: Status, who: str) -> tuple[Values, Execution]:
        ticket = machine.put(new_ticket(source))
        return ticket, machine.move(ticket, target, ACTORS[who])

    return run


def verdict(source: Status, target: Status, actor: Actor) -> str:
    """Read one cell off the table."""
    if actor.role is Role.REPORTER and actor.id != REPORTER:
        return "TICKET_NOT_FOUND"
    rows = [row for row in LIFECYCLE if (row.source, row.target) == (source, target)]
    if not rows:
        return "TRANSITION_NOT_ALLOWED"
    return "MOVED" if actor.role in rows[0].by else "FORBIDDEN"


@pytest.mark.parametrize(("source", "target", "who"), CASES, ids=str)
def test_a_move_ends_as_the_table_says(machine: Machine, ran: Ran, source: Status, target: Status, who: str) -> None:
    ticket, execution = ran(source, target, who)
    expected = verdict(source, target, ACTORS[who])
    assert execution.outcome == expected
    now = machine.read(ticket)
    if expected == "MOVED":
        assert now is not None
        assert (now["status"], now["version"]) == (target, 8)
        assert [event["version"] for event in machine.events(ticket)] == [8]
    else:
        assert now == ticket
        assert machine.events(ticket) == []
    if expected == "TICKET_NOT_FOUND":
        assert execution.output == {"outcome": expected}
    else:
        assert execution.ticket == now


@pytest.mark.parametrize("who", ACTORS)
@pytest.mark.parametrize("source", Status)
def test_the_transitions_offered_are_those_that_succeed(ran: Ran, source: Status, who: str) -> None:
    actor = ACTORS[who]
    ticket = ran(source, source, who)[0]
    closed_at = datetime.fromisoformat(ticket["closedAt"]) if "closedAt" in ticket else None
    offered = allowed_transitions(
        source, role=actor.role, is_reporter=actor.id == REPORTER, closed_at=closed_at, now=datetime.now(UTC)
    )
    assert set(offered) == {target for target in Status if ran(source, target, who)[1].outcome == "MOVED"}


REQUIRING = [row for row in LIFECYCLE if row.needs]


@pytest.mark.parametrize(
    ("has", "brings", "outcome"),
    [
        pytest.param(True, {}, "MOVED", id="there"),
        pytest.param(False, {}, "REQUIREMENT_MISSING", id="missing"),
        pytest.param(False, "value", "MOVED", id="brought"),
        pytest.param(True, "value", "MOVED", id="replaced"),
        pytest.param(True, None, "REQUIREMENT_MISSING", id="cleared"),
        pytest.param(False, None, "REQUIREMENT_MISSING", id="missing_and_cleared"),
    ],
)
@pytest.mark.parametrize("row", REQUIRING, ids=lambda row: f"{row.source}-{row.target}")
def test_a_requirement_is_judged_on_the_ticket_as_it_would_be(
    machine: Machine, row: Any, *, has: bool, brings: Any, outcome: str
) -> None:
    present = {Requirement.ASSIGNEE: ASSIGNEE, Requirement.RESOLUTION: "Done."}[row.needs]
    brought = {Requirement.ASSIGNEE: SOMEBODY, Requirement.RESOLUTION: "Done otherwise."}[row.needs]
    ticket = machine.put(new_ticket(row.source, **{row.needs: present if has else None}))
    fields = {} if brings == {} else {row.needs: brought if brings else None}

    execution = machine.move(ticket, row.target, fields=fields)

    assert execution.outcome == outcome
    if outcome == "MOVED":
        assert execution.ticket[row.needs] == (brought if fields else present)
    else:
        assert execution.output["missing"] == row.needs
        assert machine.read(ticket) == ticket == execution.ticket


def test_a_role_that_may_not_move_is_not_told_what_is_missing(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.OPEN, resolution=None))
    assert machine.move(ticket, Status.RESOLVED, OWN_REPORTER).outcome == "FORBIDDEN"


@pytest.mark.parametrize("who", ["reporter", "agent", "admin", "system"])
@pytest.mark.parametrize(
    ("age", "open_again"),
    [
        pytest.param(REOPEN_WINDOW - timedelta(hours=1), True, id="29d23h"),
        pytest.param(REOPEN_WINDOW + timedelta(hours=1), False, id="30d1h"),
    ],
)
def test_a_ticket_opens_again_for_30_days(machine: Machine, age: timedelta, *, open_again: bool, who: str) -> None:
    actor, now = ACTORS[who], datetime.now(UTC)
    ticket = machine.put(new_ticket(Status.CLOSED, closedAt=timestamp(now - age)))

    outcome = machine.move(ticket, Status.OPEN, actor).outcome

    may = actor.role in {Role.AGENT, Role.ADMIN}
    assert outcome == ("TRANSITION_NOT_ALLOWED" if not open_again else "MOVED" if may else "FORBIDDEN")
    offered = allowed_transitions(
        Status.CLOSED, role=actor.role, is_reporter=actor.id == REPORTER, closed_at=now - age, now=now
    )
    assert (offered == [Status.OPEN]) == (outcome == "MOVED")


def test_a_status_that_is_none_is_not_allowed(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.OPEN))
    assert machine.move(ticket, "DONE").outcome == "INVALID_REQUEST"


def test_a_ticket_whose_status_is_none_fails_the_execution(machine: Machine) -> None:
    ticket = machine.put(new_ticket() | {"status": "DONE"})
    execution = machine.move(ticket, Status.OPEN)
    assert (execution.status, execution.error) == ("FAILED", "TicketLifecycle.UnknownStatus")


@pytest.mark.parametrize("expected_version", [None, 7])
def test_a_ticket_in_the_trash_is_not_found(machine: Machine, expected_version: int | None) -> None:
    ticket = machine.put(new_ticket(Status.OPEN, deletedAt="2026-01-03T00:00:00.000Z"))
    execution = machine.move(ticket, Status.CLOSED, expected_version=expected_version)
    assert execution.output == {"outcome": "TICKET_NOT_FOUND"}
    assert machine.read(ticket) == ticket


@pytest.mark.parametrize("expected_version", [None, 7])
def test_a_ticket_that_is_not_there_is_not_found_and_not_made(machine: Machine, expected_version: int | None) -> None:
    ticket = new_ticket(Status.OPEN)
    execution = machine.move(ticket, Status.CLOSED, expected_version=expected_version)
    assert execution.output == {"outcome": "TICKET_NOT_FOUND"}
    assert machine.read(ticket) is None
    assert machine.events(ticket) == []


def test_a_ticket_of_another_tenant_is_not_found(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.OPEN))
    execution = machine.move(ticket, Status.CLOSED, ACTORS["admin"], tenant="globex")
    assert execution.output == {"outcome": "TICKET_NOT_FOUND"}
    assert machine.read(ticket) == ticket


@pytest.mark.parametrize("expected_version", [6, 8])
def test_another_version_than_expected_moves_nothing(machine: Machine, expected_version: int) -> None:
    ticket = machine.put(new_ticket(Status.OPEN))
    execution = machine.move(ticket, Status.CLOSED, expected_version=expected_version)
    assert execution.outcome == "VERSION_MISMATCH"
    assert machine.read(ticket) == ticket == execution.ticket


def test_the_version_expected_moves(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.OPEN))
    assert machine.move(ticket, Status.CLOSED, expected_version=7).outcome == "MOVED"


def test_another_version_is_told_before_a_move_that_is_not_allowed(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.OPEN))
    assert machine.move(ticket, Status.NEW, expected_version=6).outcome == "VERSION_MISMATCH"
