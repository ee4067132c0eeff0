"""Races that are lost for certain, and a DynamoDB that throttles, fails or does not answer."""

import json
import uuid
from collections.abc import Callable

import pytest

from tests.workflow.interpreter import READ, WRITE, Script, after, answer_lost, cancelled, failing
from tests.workflow.machine import SOMEBODY, Machine, Values, new_ticket
from ticketing.tickets.lifecycle import Status

THROTTLED = [
    "DynamoDb.ProvisionedThroughputExceededException",
    "DynamoDb.RequestLimitExceededException",
    "DynamoDb.ThrottlingException",
]
BROKEN = ["DynamoDb.InternalServerErrorException", "DynamoDb.SdkClientException"]

PAYLOAD_LIMIT = 262_144
"""Bytes of UTF-8 that one input, output, request or block of variables may have on AWS."""


def size(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def elsewhere(machine: Machine, ticket: Values, **values: object) -> Callable[[], None]:
    """Return somebody else's next write of the ticket."""
    now = dict(ticket)

    def write() -> None:
        now.update(values, version=now["version"] + 1)
        machine.put(now)

    return write


def test_a_lost_race_is_decided_again_on_what_the_winner_wrote(embedded: Machine, script: Script) -> None:
    ticket = embedded.put(new_ticket(Status.OPEN))
    script.faults[WRITE] = [after(elsewhere(embedded, ticket, title="By the winner"))]

    execution = embedded.move(ticket, Status.CLOSED, fields={"assignedToId": SOMEBODY})

    assert execution.outcome == "MOVED"
    assert execution.ticket == embedded.read(ticket)
    assert (execution.ticket["version"], execution.ticket["title"]) == (9, "By the winner")
    (event,) = embedded.events(ticket)
    assert (event["version"], event["changes"].keys()) == (9, {"status", "assignedToId"})
    assert script.waits == []
    tokens = [request["ClientRequestToken"] for request in script.requests[WRITE]]
    assert len(set(tokens)) == 2
    assert {len(token) for token in tokens} == {36}


@pytest.mark.parametrize(
    ("winner", "outcome"),
    [
        pytest.param({"status": "CLOSED"}, "TRANSITION_NOT_ALLOWED", id="closed"),
        pytest.param({"status": "RESOLVED"}, "MOVED", id="resolved"),
        pytest.param({"deletedAt": "2026-01-03T00:00:00.000Z"}, "TICKET_NOT_FOUND", id="deleted"),
    ],
)
def test_the_second_decision_stands_by_itself(
    embedded: Machine, script: Script, winner: dict[str, str], outcome: str
) -> None:
    ticket = embedded.put(new_ticket(Status.OPEN))
    script.faults[WRITE] = [after(elsewhere(embedded, ticket, **winner))]
    assert embedded.move(ticket, Status.CLOSED).outcome == outcome


def test_nothing_of_the_first_decision_is_left_in_the_second(embedded: Machine, script: Script) -> None:
    """RESOLVED to OPEN would clear the resolution; when it becomes IN_PROGRESS to OPEN, it must not."""
    ticket = embedded.put(new_ticket(Status.RESOLVED))
    script.faults[WRITE] = [after(elsewhere(embedded, ticket, status="IN_PROGRESS"))]
    execution = embedded.move(ticket, Status.OPEN)
    assert execution.outcome == "MOVED"
    assert execution.ticket["resolution"] == ticket["resolution"]


def test_a_requirement_is_judged_again(embedded: Machine, script: Script) -> None:
    ticket = embedded.put(new_ticket(Status.OPEN))
    gone = {name: value for name, value in ticket.items() if name != "assignedToId"}
    script.faults[WRITE] = [after(elsewhere(embedded, gone))]
    execution = embedded.move(ticket, Status.IN_PROGRESS)
    assert (execution.outcome, execution.output["missing"]) == ("REQUIREMENT_MISSING", "assignedToId")


def test_a_lost_race_with_a_version_expected_is_a_version_mismatch(embedded: Machine, script: Script) -> None:
    ticket = embedded.put(new_ticket(Status.OPEN))
    script.faults[WRITE] = [after(elsewhere(embedded, ticket))]
    assert embedded.move(ticket, Status.CLOSED, expected_version=7).outcome == "VERSION_MISMATCH"
    assert embedded.events(ticket) == []


@pytest.mark.parametrize(("lost", "outcome"), [(4, "MOVED"), (5, "CONFLICT")])
def test_the_race_may_be_lost_four_times(embedded: Machine, script: Script, lost: int, outcome: str) -> None:
    ticket = embedded.put(new_ticket(Status.OPEN))
    script.faults[WRITE] = [after(elsewhere(embedded, ticket))] * lost
    execution = embedded.move(ticket, Status.CLOSED)
    assert execution.outcome == outcome
    assert len(script.requests[READ]) == len(script.requests[WRITE]) == 5
    now = embedded.read(ticket)
    assert now is not None
    assert now["status"] == ("CLOSED" if outcome == "MOVED" else "OPEN")
    assert len(embedded.events(ticket)) == (1 if outcome == "MOVED" else 0)


def test_a_transaction_that_meets_another_is_a_lost_race(embedded: Machine, script: Script) -> None:
    ticket = embedded.put(new_ticket(Status.OPEN))
    script.faults[WRITE] = [cancelled("TransactionConflict", "None")]
    assert embedded.move(ticket, Status.CLOSED).outcome == "MOVED"
    assert len(script.requests[READ]) == 2


@pytest.mark.parametrize("reason", ["ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_throttled_transaction_is_tried_again_after_a_wait(embedded: Machine, script: Script, reason: str) -> None:
    ticket = embedded.put(new_ticket(Status.OPEN))
    script.faults[WRITE] = [cancelled("None", reason)]
    assert embedded.move(ticket, Status.CLOSED).outcome == "MOVED"
    assert script.waits == [1]
    assert len(embedded.events(ticket)) == 1


def test_throttled_every_time_is_a_failure_and_no_conflict(embedded: Machine, script: Script) -> None:
    ticket = embedded.put(new_ticket(Status.OPEN))
    script.faults[WRITE] = [cancelled("ThrottlingError", "None")] * 5
    execution = embedded.move(ticket, Status.CLOSED)
    assert (execution.status, execution.error) == ("FAILED", "TicketLifecycle.WriteCancelled")
    assert "ThrottlingError" in str(execution.cause)
    assert embedded.read(ticket) == ticket


def test_a_write_that_can_not_be_is_a_failure_at_once(embedded: Machine, script: Script) -> None:
    ticket = embedded.put(new_ticket(Status.OPEN))
    script.faults[WRITE] = [cancelled("ValidationError", "None")]
    execution = embedded.move(ticket, Status.CLOSED)
    assert (execution.status, execution.error) == ("FAILED", "TicketLifecycle.WriteCancelled")
    assert len(script.requests[WRITE]) == 1


@pytest.mark.parametrize("error", THROTTLED + BROKEN)
@pytest.mark.parametrize("action", [READ, WRITE])
def test_what_passes_is_tried_again(embedded: Machine, script: Script, action: str, error: str) -> None:
    ticket = embedded.put(new_ticket(Status.OPEN))
    script.faults[action] = [failing(error)] * 3
    assert embedded.move(ticket, Status.CLOSED).outcome == "MOVED"
    assert len(script.requests[action]) == 4
    assert script.waits == [1, 2, 4]
    assert script.requests[action][0] == script.requests[action][3]
    assert len(embedded.events(ticket)) == 1


@pytest.mark.parametrize("action", [READ, WRITE])
def test_what_does_not_pass_fails_the_execution(embedded: Machine, script: Script, action: str) -> None:
    ticket = embedded.put(new_ticket(Status.OPEN))
    script.faults[action] = [failing("DynamoDb.ThrottlingException", "Too fast.")] * 4
    execution = embedded.move(ticket, Status.CLOSED)
    assert (execution.status, execution.error, execution.cause) == (
        "FAILED",
        "DynamoDb.ThrottlingException",
        "Too fast.",
    )
    assert embedded.read(ticket) == ticket


@pytest.mark.parametrize(
    "error", ["DynamoDb.ResourceNotFoundException", "DynamoDb.DynamoDbException", "States.Permissions"]
)
@pytest.mark.parametrize("action", [READ, WRITE])
def test_what_is_wrong_fails_the_execution_at_once(embedded: Machine, script: Script, action: str, error: str) -> None:
    ticket = embedded.put(new_ticket(Status.OPEN))
    script.faults[action] = [failing(error)]
    execution = embedded.move(ticket, Status.CLOSED)
    assert (execution.status, execution.error) == ("FAILED", error)
    assert len(script.requests[action]) == 1


def test_an_etag_that_no_version_has_is_a_version_mismatch(embedded: Machine) -> None:
    """The API asks for version 0 where If-Match has an ETag that it never gave."""
    ticket = embedded.put(new_ticket(Status.OPEN))
    assert embedded.move(ticket, Status.CLOSED, expected_version=0).outcome == "VERSION_MISMATCH"
    assert embedded.read(ticket) == ticket


@pytest.mark.parametrize("error", [*BROKEN, "DynamoDb.TransactionInProgressException"])
def test_a_write_whose_answer_was_lost_is_recognised(embedded: Machine, script: Script, error: str) -> None:
    """Without the token the retry would find the version taken, by itself, and report a lost race."""
    ticket = embedded.put(new_ticket(Status.OPEN))
    script.faults[WRITE] = [answer_lost(error)]
    execution = embedded.move(ticket, Status.CLOSED, expected_version=7)
    assert execution.outcome == "MOVED"
    assert execution.ticket == embedded.read(ticket)
    assert [event["version"] for event in embedded.events(ticket)] == [8]
    assert len(script.requests[READ]) == 1


def test_the_read_is_consistent_and_the_write_is_one(embedded: Machine, script: Script) -> None:
    ticket = embedded.put(new_ticket(Status.OPEN))
    embedded.move(ticket, Status.CLOSED, fields={"title": "Another"})
    (read,) = script.requests[READ]
    assert read["ConsistentRead"] is True
    (write,) = script.requests[WRITE]
    assert [list(item) for item in write["TransactItems"]] == [["Update"], ["Put"]]
    assert uuid.UUID(write["ClientRequestToken"])


@pytest.mark.parametrize("letter", ["a", "é", "語"])
def test_the_longest_texts_fit_into_what_a_state_may_carry(embedded: Machine, script: Script, letter: str) -> None:
    """Both long texts replaced by new ones, with a comment, at their greatest lengths."""
    text, tags = letter * 10_000, [f"{n}{letter * 48}" for n in range(10, 30)]
    ticket = embedded.put(new_ticket(Status.OPEN, title=letter * 200, description=text, resolution=text, tags=tags))
    fields = {
        "title": "b" + letter * 199,
        "description": "b" + text[1:],
        "resolution": "b" + text[1:],
        "tags": tags[1:],
    }

    execution = embedded.move(ticket, Status.RESOLVED, fields=fields, comment=text)

    assert execution.outcome == "MOVED"
    (write,) = script.requests[WRITE]
    largest = max(size(write), size(execution.output), *(size(block) for block in script.assigned))
    assert largest == size(write)
    assert largest < PAYLOAD_LIMIT
