"""A comment that comes with a move: itself, its event, its key and its watchers, in the same write or not at all."""

import uuid
from typing import Any

import pytest

from tests.workflow.interpreter import WRITE, Script, after, answer_lost, cancelled
from tests.workflow.machine import AGENT, OWN_REPORTER, REPORTER, SOMEBODY, TENANT, Actor, Machine, Values, new_ticket
from ticketing.access.roles import Role
from ticketing.attachments.repository import AttachmentRepository
from ticketing.aws.data import TenantData
from ticketing.comments.models import Comment
from ticketing.deployment import Tables
from ticketing.tickets.events import TicketEvent
from ticketing.tickets.kinds import Visibility
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.outbox import item_of

KEY = "00000000-0000-8000-8000-00000000000a"
SAID = {"body": "It is back: {% $key %}, \n\"quoted\", '\U0001f3ab'", "mentions": [SOMEBODY]}


FILES = ["00000000-0000-7000-8000-00000000000b", "00000000-0000-7000-8000-00000000000c"]


def key_item(ticket: Values, comment_id: str = "1") -> Values:
    return {"PK": ticket["PK"], "SK": f"COMMENT_KEY#{KEY}", "commentId": comment_id}


@pytest.mark.parametrize(
    "said",
    [{"body": "x"}, SAID, SAID | {"key": KEY, "requestHash": "0" * 64, "mentions": [SOMEBODY, REPORTER]}],
    ids=["text", "mention", "all"],
)
def test_it_is_written_as_the_layer_writes_one(machine: Machine, said: Values) -> None:
    ticket = machine.put(new_ticket(Status.RESOLVED))
    execution = machine.move(ticket, Status.OPEN, OWN_REPORTER, new_comment=said, expected_version=7)
    assert execution.outcome == "MOVED"
    now, (moved, added) = execution.ticket, machine.events(ticket)
    assert now == machine.read(ticket)
    assert "firstRespondedAt" not in now
    comment = Comment(
        id=execution.output["commentId"],
        tenant_id=TENANT,
        ticket_id=ticket["id"],
        author_id=REPORTER,
        body=said["body"],
        visibility="public",
        mentions=said.get("mentions", []),
        created_at=now["updatedAt"],
        updated_at=now["updatedAt"],
        request_hash=said.get("requestHash"),
    )
    event = TicketEvent(
        id=added["eventId"],
        type="CommentAdded",
        tenant_id=TENANT,
        ticket_id=ticket["id"],
        version=8,
        occurred_at=moved["occurredAt"],
        actor={"id": REPORTER, "role": "reporter"},
        changes={},
        ticket=now,
        comment_id=comment.id,
        visibility="public",
        mentions=comment.mentions,
    )
    layers = [
        {"PK": ticket["PK"], "SK": f"COMMENT#{comment.id}"} | comment.model_dump(mode="json", by_alias=True),
        key_item(ticket, comment.id) if "key" in said else {},
        *({"PK": ticket["PK"], "SK": f"WATCHER#{each}", "watching": True} for each in sorted(comment.mentions)),
    ]
    present = [{name: value for name, value in item.items() if value is not None} for item in layers if item]
    assert machine.others(ticket) == present
    assert added == {name: value for name, value in item_of(event).items() if value is not None}
    assert {uuid.UUID(each).version for each in (comment.id, added["eventId"])} == {7}


@pytest.mark.parametrize(
    ("actor", "before", "responds"),
    [
        pytest.param(AGENT, None, True, id="an agent's first"),
        pytest.param(AGENT, "2026-01-01T00:00:00.000Z", False, id="an agent's second"),
        pytest.param(Actor(REPORTER, Role.AGENT), None, False, id="on their own ticket"),
        pytest.param(OWN_REPORTER, None, False, id="the reporter's"),
    ],
)
def test_the_first_by_an_agent_is_the_first_response(
    embedded: Machine, actor: Actor, before: str | None, *, responds: bool
) -> None:
    ticket = embedded.put(new_ticket(Status.RESOLVED) | ({"firstRespondedAt": before} if before else {}))
    execution = embedded.move(ticket, Status.CLOSED, actor, new_comment=SAID)
    assert execution.outcome == "MOVED"
    _, added = embedded.events(ticket)
    at = execution.ticket["updatedAt"]
    assert execution.ticket.get("firstRespondedAt") == (at if responds else before)
    assert added["changes"] == ({"firstRespondedAt": {"to": at}} if responds else {})


def test_a_refused_move_adds_none(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.RESOLVED))
    for to, version, outcome in (
        (Status.IN_PROGRESS, 7, "TRANSITION_NOT_ALLOWED"),
        (Status.OPEN, 6, "VERSION_MISMATCH"),
    ):
        assert machine.move(ticket, to, new_comment=SAID, expected_version=version).outcome == outcome
    assert machine.others(ticket) == machine.events(ticket) == []


def test_its_key_is_never_put_over_one_that_is_there(embedded: Machine, script: Script) -> None:
    ticket = embedded.put(new_ticket(Status.RESOLVED))
    there = embedded.put(key_item(ticket))
    assert embedded.move(ticket, Status.OPEN, new_comment=SAID | {"key": KEY}).outcome == "ALREADY_THERE"
    assert embedded.read(ticket) == ticket
    assert embedded.others(ticket) == [there]
    assert len(script.requests[WRITE]) == 1


def test_who_chose_keeps_their_choice(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.RESOLVED))
    chosen = machine.put({"PK": ticket["PK"], "SK": f"WATCHER#{SOMEBODY}", "watching": False})
    assert machine.move(ticket, Status.OPEN, new_comment=SAID).outcome == "MOVED"
    assert [each for each in machine.others(ticket) if each["SK"].startswith("WATCHER#")] == [chosen]


def test_a_lost_race_with_a_version_expected_adds_none(embedded: Machine, script: Script) -> None:
    ticket = embedded.put(new_ticket(Status.RESOLVED))
    script.faults[WRITE] = [after(lambda: embedded.put(ticket | {"version": 8}))]
    assert embedded.move(ticket, Status.OPEN, new_comment=SAID, expected_version=7).outcome == "VERSION_MISMATCH"
    assert embedded.others(ticket) == []


def test_a_race_that_is_lost_besides_is_decided_again(embedded: Machine, script: Script) -> None:
    ticket = embedded.put(new_ticket(Status.RESOLVED))
    script.faults[WRITE] = [cancelled("ConditionalCheckFailed", "None", "ConditionalCheckFailed")]
    assert embedded.move(ticket, Status.OPEN, new_comment=SAID).outcome == "MOVED"
    assert len(script.requests[WRITE]) == 2


def test_a_write_whose_answer_was_lost_is_not_taken_for_one_of_before(embedded: Machine, script: Script) -> None:
    ticket = embedded.put(new_ticket(Status.RESOLVED))
    script.faults[WRITE] = [answer_lost("DynamoDb.SdkClientException")]
    said = {"body": "x", "key": KEY}
    assert embedded.move(ticket, Status.OPEN, new_comment=said, expected_version=7).outcome == "MOVED"
    assert len(embedded.others(ticket)) == 2


# --- its files -------------------------------------------------------------------------------------------------------


def file_row(ticket: Values, attachment_id: str, **values: Any) -> Values:
    """Return the row of a file that the ticket's reporter uploaded, as far as it matters here."""
    mine = {"id": attachment_id, "uploadedById": REPORTER, "state": "SCANNING", "visibility": "internal"}
    return {"PK": ticket["PK"], "SK": f"ATTACHMENT#{attachment_id}"} | mine | values


def test_its_files_are_tied_as_the_layer_ties_them(embedded: Machine) -> None:
    ticket = embedded.put(new_ticket(Status.RESOLVED))
    for each, state in zip(FILES, ("PENDING", "CLEAN"), strict=True):
        embedded.put(file_row(ticket, each, state=state))
    said = SAID | {"key": KEY, "attachmentIds": FILES, "mentions": [SOMEBODY, REPORTER]}
    execution = embedded.move(ticket, Status.OPEN, OWN_REPORTER, new_comment=said, expected_version=7)
    assert execution.outcome == "MOVED"
    by_machine = {each["SK"]: each for each in embedded.others(ticket)}
    comment_id = execution.output["commentId"]
    assert by_machine[f"COMMENT#{comment_id}"]["attachmentIds"] == FILES
    for each in FILES:
        embedded.put(file_row(ticket, each, state=by_machine[f"ATTACHMENT#{each}"]["state"]))
    data = TenantData(embedded.dynamodb, Tables(embedded.table, "", "", ""), TENANT)
    ties = AttachmentRepository(data).ties(ticket["id"], FILES, REPORTER, comment_id, Visibility.PUBLIC)
    embedded.dynamodb.transact_write_items(TransactItems=list(ties.values()))
    assert {each["SK"]: each for each in embedded.others(ticket)} == by_machine


@pytest.mark.parametrize("key", [None, KEY], ids=["without-key", "with-key"])
@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"uploadedById": SOMEBODY}, id="another's"),
        pytest.param({"commentId": "c"}, id="another comment's"),
        pytest.param({"state": "INFECTED"}, id="rejected"),
        pytest.param(None, id="none"),
    ],
)
def test_a_file_that_it_can_not_have_is_no_comment_of_before(
    embedded: Machine, wrong: Values | None, key: str | None
) -> None:
    """The layer has checked it, so it is a race that is lost every time."""
    ticket = embedded.put(new_ticket(Status.RESOLVED))
    if wrong is not None:
        embedded.put(file_row(ticket, FILES[0], **wrong))
    before = embedded.others(ticket)
    said = SAID | {"key": key, "attachmentIds": FILES[:1]}
    assert embedded.move(ticket, Status.OPEN, OWN_REPORTER, new_comment=said).outcome == "CONFLICT"
    assert embedded.read(ticket) == ticket
    assert embedded.others(ticket) == before
