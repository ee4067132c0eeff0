"""What a move writes: the ticket and its event, exactly, in one write."""

import uuid
from datetime import datetime
from typing import Any

import pytest

from tests.workflow.machine import (
    AGENT,
    ASSIGNEE,
    OWN_REPORTER,
    SOMEBODY,
    TENANT,
    Machine,
    Values,
    index_keys,
    new_ticket,
)
from ticketing.aws.data import TenantData
from ticketing.deployment import Tables
from ticketing.tickets.lifecycle import LIFECYCLE, Status
from ticketing.tickets.repository import TicketRepository


def moved(machine: Machine, ticket: Values, to: Status, **request: Any) -> tuple[Values, Values]:
    """Move a ticket; return it and its one event as they were written, once what always holds has been checked."""
    execution = machine.move(ticket, to, **request)
    assert execution.outcome == "MOVED"
    now = machine.read(ticket)
    assert now is not None
    assert now == execution.ticket
    (event,) = machine.events(ticket)
    assert now["version"] == ticket["version"] + 1
    assert datetime.fromisoformat(now["updatedAt"]) > datetime.fromisoformat(ticket["updatedAt"])
    assert {name: now[name] for name in index_keys(now)} == index_keys(now)
    return now, event


def test_a_move_alone_changes_nothing_else(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.NEW))
    now, _ = moved(machine, ticket, Status.OPEN)
    kept = {"status", "statusKey", "version", "updatedAt", "listKey"}
    assert {name: value for name, value in now.items() if name not in kept} == {
        name: value for name, value in ticket.items() if name not in kept
    }


def test_the_event_tells_the_move(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.NEW))
    now, event = moved(machine, ticket, Status.CLOSED, actor=OWN_REPORTER, comment="It works again. 🎉")
    assert uuid.UUID(event.pop("eventId")).version == 4
    assert event == {
        "PK": ticket["PK"],
        "SK": "EVENT#0000000008",
        "eventType": "TicketTransitioned",
        "schemaVersion": 2,
        "tenantId": TENANT,
        "ticketId": ticket["id"],
        "version": 8,
        "occurredAt": now["updatedAt"],
        "actorId": OWN_REPORTER.id,
        "actorRole": "reporter",
        "changes": {"status": {"from": "NEW", "to": "CLOSED"}},
        "comment": "It works again. 🎉",
        "ticket": {
            "number": 12,
            "title": "VPN drops",
            "status": "CLOSED",
            "priority": "MEDIUM",
            "type": "INCIDENT",
            "reporterId": ticket["reporterId"],
            "assignedToId": ASSIGNEE,
        },
    }


def test_no_tags_are_an_empty_list(machine: Machine) -> None:
    """AWS may leave an empty list out of what a state machine reads: setting it again is no change."""
    ticket = machine.put(new_ticket(Status.NEW, tags=None))
    execution = machine.move(ticket, Status.OPEN, fields={"tags": [], "priority": "HIGH"})
    assert execution.outcome == "MOVED"
    assert execution.ticket["tags"] == []
    (event,) = machine.events(ticket)
    assert event["changes"].keys() == {"status", "priority"}


def test_without_a_comment_the_event_has_none(machine: Machine) -> None:
    _, event = moved(machine, machine.put(new_ticket(Status.NEW)), Status.OPEN)
    assert "comment" not in event


def test_fields_are_written_together_with_the_status(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.OPEN, assignedToId=None, resolution=None))
    fields = {
        "title": "VPN drops daily",
        "description": "Every day at nine.",
        "priority": "HIGH",
        "type": "QUESTION",
        "reporterId": SOMEBODY,
        "assignedToId": ASSIGNEE,
        "tags": ["vpn", "network"],
        "resolution": "New firmware.",
    }
    now, event = moved(machine, ticket, Status.RESOLVED, fields=fields)
    assert {name: now[name] for name in fields} == fields
    assert now["reporterKey"] == f"TENANT#{TENANT}#REPORTER#{SOMEBODY}"
    assert now["assigneeKey"] == f"TENANT#{TENANT}#ASSIGNEE#{ASSIGNEE}"
    before = {name: {"from": ticket[name]} if name in ticket else {} for name in fields}
    assert event["changes"] == {
        "status": {"from": "OPEN", "to": "RESOLVED"},
        **{name: before[name] | {"to": value} for name, value in fields.items()},
    }


def test_a_refused_move_leaves_its_fields_unwritten(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.OPEN))
    assert machine.move(ticket, Status.OPEN, fields={"title": "Another"}).outcome == "TRANSITION_NOT_ALLOWED"
    assert machine.read(ticket) == ticket
    assert machine.events(ticket) == []


def test_null_clears_the_assignee_and_the_resolution(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.OPEN))
    now, event = moved(machine, ticket, Status.CLOSED, fields={"assignedToId": None, "resolution": None})
    assert not {"assignedToId", "resolution"} & now.keys()
    assert now["assigneeKey"] == f"TENANT#{TENANT}#ASSIGNEE#none"
    assert event["changes"] == {
        "status": {"from": "OPEN", "to": "CLOSED"},
        "assignedToId": {"from": ticket["assignedToId"]},
        "resolution": {"from": ticket["resolution"]},
    }


def test_a_field_that_stays_as_it_is_is_no_change(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.OPEN, assignedToId=None))
    fields = {"title": ticket["title"], "tags": ticket["tags"], "assignedToId": None}
    _, event = moved(machine, ticket, Status.CLOSED, fields=fields)
    assert event["changes"].keys() == {"status"}


@pytest.mark.parametrize("before", [[], ["one"], ["one", "two"]], ids=len)
@pytest.mark.parametrize("after", [[], ["other"], ["two", "one"]], ids=len)
def test_tags_stay_a_list_however_many_there_are(machine: Machine, before: list[str], after: list[str]) -> None:
    ticket = machine.put(new_ticket(Status.NEW, tags=before))
    now, event = moved(machine, ticket, Status.OPEN, fields={"tags": after})
    assert now["tags"] == after
    changed = {"tags": {"from": before, "to": after}} if before != after else {}
    assert event["changes"] == {"status": {"from": "NEW", "to": "OPEN"}, **changed}


@pytest.mark.parametrize(
    "text",
    [
        "{% $states.input %}",
        "{% 1 + 1 %} and ${TicketsTable}",
        "$.title",
        "Ünïcödé, 日本語, 🎫 and a \u202e mark",
        "quotes \" ' `, backslash \\, newline \n, tab \t",
        "null",
        "7",
    ],
)
def test_text_is_kept_as_it_came(machine: Machine, text: str) -> None:
    ticket = machine.put(new_ticket(Status.NEW))
    fields = {"title": text, "tags": [text], "resolution": text}
    now, event = moved(machine, ticket, Status.OPEN, fields=fields, comment=text)
    assert {name: now[name] for name in fields} == fields
    assert {name: event["changes"][name]["to"] for name in fields} == fields
    assert event["comment"] == text


@pytest.mark.parametrize("source", [row.source for row in LIFECYCLE if row.target is Status.CLOSED])
def test_closing_sets_the_closing_time(machine: Machine, source: Status) -> None:
    ticket = machine.put(new_ticket(source))
    now, _ = moved(machine, ticket, Status.CLOSED)
    assert now["closedAt"] == now["updatedAt"]


@pytest.mark.parametrize("source", [Status.RESOLVED, Status.CLOSED])
def test_opening_again_clears_the_closing_time_and_the_resolution(machine: Machine, source: Status) -> None:
    ticket = machine.put(new_ticket(source))
    now, event = moved(machine, ticket, Status.OPEN)
    assert not {"closedAt", "resolution"} & now.keys()
    assert event["changes"] == {
        "status": {"from": source, "to": "OPEN"},
        "resolution": {"from": ticket["resolution"]},
    }


@pytest.mark.parametrize("source", [Status.RESOLVED, Status.CLOSED])
def test_opening_again_keeps_a_resolution_that_the_request_brings(machine: Machine, source: Status) -> None:
    ticket = machine.put(new_ticket(source))
    now, _ = moved(machine, ticket, Status.OPEN, fields={"resolution": "Only half of it."})
    assert now["resolution"] == "Only half of it."
    assert "closedAt" not in now


@pytest.mark.parametrize("source", [Status.NEW, Status.IN_PROGRESS])
def test_opening_for_the_first_time_keeps_the_resolution(machine: Machine, source: Status) -> None:
    ticket = machine.put(new_ticket(source))
    now, _ = moved(machine, ticket, Status.OPEN)
    assert now["resolution"] == ticket["resolution"]


def test_attributes_that_the_machine_does_not_know_stay(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.NEW, requestHash="abc", dueAt="2026-02-01T00:00:00.000Z"))
    now, _ = moved(machine, ticket, Status.OPEN)
    assert (now["requestHash"], now["dueAt"]) == ("abc", "2026-02-01T00:00:00.000Z")


def test_what_it_writes_is_what_the_repository_reads(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.NEW))
    moved(machine, ticket, Status.CLOSED, fields={"tags": ["a"]}, comment="Done.")
    tickets = TicketRepository(
        TenantData(machine.dynamodb, Tables(machine.table, "users", "notifications", "search"), TENANT)
    )
    read = tickets.get(ticket["id"])
    assert read is not None
    assert (read.status, read.tags, read.version) == (Status.CLOSED, ["a"], 8)
    (event,) = tickets.history(ticket["id"], limit=25, cursor=None).items
    assert (event.actor.id, event.comment, event.changes["status"].after) == (AGENT.id, "Done.", "CLOSED")
