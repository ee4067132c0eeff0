"""The lifecycle's table: who may move a ticket from where to where, spelled out from the design."""

from datetime import UTC, datetime, timedelta

import pytest

from ticketing.access.roles import Role
from ticketing.tickets.lifecycle import LIFECYCLE, Status, allowed_transitions

NOW = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

# from, role (`own` means: and it is this ticket's reporter), the statuses it may choose in this order
CHOICES = [
    ("NEW", "reporter own", ["CLOSED"]),
    ("NEW", "reporter", []),
    ("NEW", "agent", ["OPEN", "CLOSED"]),
    ("NEW", "admin", ["OPEN", "CLOSED"]),
    ("NEW", "system", []),
    ("OPEN", "reporter own", ["CLOSED"]),
    ("OPEN", "reporter", []),
    ("OPEN", "agent", ["IN_PROGRESS", "RESOLVED", "CLOSED"]),
    ("OPEN", "admin", ["IN_PROGRESS", "RESOLVED", "CLOSED"]),
    ("OPEN", "system", []),
    ("IN_PROGRESS", "reporter own", []),
    ("IN_PROGRESS", "reporter", []),
    ("IN_PROGRESS", "agent", ["OPEN", "RESOLVED"]),
    ("IN_PROGRESS", "admin", ["OPEN", "RESOLVED"]),
    ("IN_PROGRESS", "system", []),
    ("RESOLVED", "reporter own", ["OPEN", "CLOSED"]),
    ("RESOLVED", "reporter", []),
    ("RESOLVED", "agent", ["OPEN", "CLOSED"]),
    ("RESOLVED", "admin", ["OPEN", "CLOSED"]),
    ("RESOLVED", "system", ["CLOSED"]),
    ("CLOSED", "reporter own", []),
    ("CLOSED", "reporter", []),
    ("CLOSED", "agent", ["OPEN"]),
    ("CLOSED", "admin", ["OPEN"]),
    ("CLOSED", "system", []),
]

ROWS = [
    ("NEW", "OPEN", "admin agent", None),
    ("NEW", "CLOSED", "admin agent reporter", None),
    ("OPEN", "IN_PROGRESS", "admin agent", "assignedToId"),
    ("OPEN", "RESOLVED", "admin agent", "resolution"),
    ("OPEN", "CLOSED", "admin agent reporter", None),
    ("IN_PROGRESS", "OPEN", "admin agent", None),
    ("IN_PROGRESS", "RESOLVED", "admin agent", "resolution"),
    ("RESOLVED", "OPEN", "admin agent reporter", None),
    ("RESOLVED", "CLOSED", "admin agent reporter system", None),
    ("CLOSED", "OPEN", "admin agent", None),
]


def test_the_table_is_the_designs() -> None:
    told = [(row.source.value, row.target.value, " ".join(sorted(row.by)), row.needs) for row in LIFECYCLE]
    assert told == ROWS


@pytest.mark.parametrize(("status", "who", "targets"), CHOICES, ids=[f"{row[0]}, {row[1]}" for row in CHOICES])
def test_each_role_may_choose_what_the_design_says(status: str, who: str, targets: list[str]) -> None:
    role, _, own = who.partition(" ")
    closed_at = NOW - timedelta(days=1) if status == "CLOSED" else None
    allowed = allowed_transitions(
        Status(status), role=Role(role), is_reporter=own == "own", closed_at=closed_at, now=NOW
    )
    assert allowed == targets


@pytest.mark.parametrize("role", ["agent", "admin"])
def test_being_the_reporter_too_takes_nothing_from_an_agent(role: str) -> None:
    allowed = allowed_transitions(Status.OPEN, role=Role(role), is_reporter=True, closed_at=None, now=NOW)
    assert allowed == ["IN_PROGRESS", "RESOLVED", "CLOSED"]


@pytest.mark.parametrize(
    ("closed_for", "allowed"),
    [
        pytest.param(timedelta(0), ["OPEN"], id="just now"),
        pytest.param(timedelta(days=30) - timedelta(milliseconds=1), ["OPEN"], id="a millisecond before the end"),
        pytest.param(timedelta(days=30), ["OPEN"], id="30 days exactly"),
        pytest.param(timedelta(days=30, milliseconds=1), [], id="a millisecond too long"),
        pytest.param(NOW - LONG_AGO, [], id="years"),
    ],
)
def test_a_closed_ticket_reopens_for_30_days(closed_for: timedelta, allowed: list[str]) -> None:
    choices = allowed_transitions(
        Status.CLOSED, role=Role.AGENT, is_reporter=False, closed_at=NOW - closed_for, now=NOW
    )
    assert choices == allowed
