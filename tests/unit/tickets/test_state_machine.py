"""Asking the state machine: what is sent, and what each end of an execution means."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.support import (
    ADMIN,
    AGENT,
    AGENT_ID,
    OTHER_REPORTER,
    REPORTER,
    STATE_MACHINE,
    TICKET_ID,
    StubbedLifecycle,
    a_ticket,
    an_event,
    as_item,
    stored,
)
from ticketing.access.identity import Caller
from ticketing.access.permissions import Operation, grant
from ticketing.errors import (
    ApiError,
    ConflictError,
    ForbiddenError,
    PayloadTooLargeError,
    PreconditionFailedError,
    ServiceUnavailableError,
)
from ticketing.tickets.errors import TicketNotFoundError, TransitionNotAllowedError, TransitionRequirementMissingError
from ticketing.tickets.kinds import Priority
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.operations import edit_ticket, move_ticket
from ticketing.tickets.repository import TicketRepository
from ticketing.tickets.state_machine import LifecycleClient, NewComment, Outcome, Verdict


def asked(lifecycle: StubbedLifecycle, **values: Any) -> Verdict:
    given: dict[str, Any] = {"fields": {}, "comment": None, "expected_version": None} | values
    return LifecycleClient(lifecycle.client, STATE_MACHINE).move(TICKET_ID, Status.OPEN, AGENT, **given)


def test_the_input_is_all_that_the_state_machine_needs(lifecycle: StubbedLifecycle) -> None:
    lifecycle.decides("MOVED", a_ticket(status=Status.OPEN))
    said = NewComment("Füße", (AGENT.user_id,))
    fields = {"assignedToId": None, "tags": ["a"]}
    asked(lifecycle, fields=fields, comment="Füße 🎫", expected_version=3, new_comment=said)
    assert lifecycle.texts[0] == (
        '{"tenantId":"acme","ticketId":"019c1f0e-7a3b-7c41-9d2e-5f60718293a4",'
        '"actor":{"id":"33333333-3333-4333-8333-333333333333","role":"agent"},"to":"OPEN",'
        '"fields":{"assignedToId":null,"tags":["a"]},"comment":"Füße 🎫","expectedVersion":3,'
        '"newComment":{"body":"Füße","mentions":["'
        '33333333-3333-4333-8333-333333333333"],"attachmentIds":[],"key":null,"requestHash":null}}'
    )


def test_long_text_beyond_ascii_fits_an_execution(lifecycle: StubbedLifecycle) -> None:
    # Escaped, 2 x 10,000 emoji would be 240 KB; an execution takes 256 KiB, the ticket's old texts included.
    lifecycle.decides("MOVED", a_ticket())
    asked(lifecycle, fields={"description": "🎫" * 10_000, "resolution": "🎫" * 10_000})
    assert len(lifecycle.texts[0].encode()) < 81_000


def test_a_verdict_holds_the_ticket_as_it_is_now(lifecycle: StubbedLifecycle) -> None:
    moved = a_ticket(status=Status.OPEN, version=2, assigned_to_id=AGENT_ID, tags=["vpn"])
    lifecycle.decides("MOVED", moved)
    assert asked(lifecycle) == Verdict(Outcome.MOVED, moved)


@pytest.mark.parametrize("tags", [{"L": []}, {}, None], ids=["list", "without a type", "absent"])
def test_an_empty_list_may_be_absent(tags: dict[str, Any] | None) -> None:
    item = as_item(a_ticket()) | {"tags": tags}
    output = {"outcome": "MOVED", "ticket": {name: value for name, value in item.items() if value is not None}}
    assert Verdict.of(output).ticket == a_ticket(tags=[])


@pytest.mark.parametrize(
    ("status", "error", "raised"),
    [
        pytest.param("FAILED", "States.TaskFailed", ServiceUnavailableError, id="failed"),
        pytest.param("FAILED", "DynamoDB.ThrottlingException", ServiceUnavailableError, id="throttled"),
        pytest.param("FAILED", None, ServiceUnavailableError, id="failed without a word"),
        pytest.param("TIMED_OUT", None, ServiceUnavailableError, id="timed out"),
        pytest.param("FAILED", "States.DataLimitExceeded", PayloadTooLargeError, id="too large"),
    ],
)
def test_an_execution_that_fails(
    lifecycle: StubbedLifecycle, status: str, error: str | None, raised: type[ApiError]
) -> None:
    lifecycle.ends(status, **({} if error is None else {"error": error, "cause": "a secret cause"}))
    with pytest.raises(raised) as caught:
        asked(lifecycle)
    assert "secret" not in caught.value.message


def test_an_outcome_that_nobody_knows_is_a_bug_not_a_refusal(lifecycle: StubbedLifecycle) -> None:
    lifecycle.decides("PERHAPS", a_ticket())
    with pytest.raises(ValueError, match="'PERHAPS' is not a valid Outcome"):
        asked(lifecycle)


def test_throttling_of_step_functions_is_left_to_the_frame(lifecycle: StubbedLifecycle) -> None:
    lifecycle.stubber.add_client_error("start_sync_execution", "ThrottlingException")
    with pytest.raises(ClientError, match="ThrottlingException"):
        asked(lifecycle)


def test_an_execution_is_started_once_whatever_happens(lifecycle: StubbedLifecycle) -> None:
    # A second try would meet the ticket already moved, and report a refusal for a success.
    lifecycle.stubber.deactivate()
    sent = []

    def time_out(**_kwargs: Any) -> None:
        sent.append(1)
        raise ReadTimeoutError(endpoint_url="https://states")

    lifecycle.client.meta.events.register("before-send.stepfunctions.StartSyncExecution", time_out)
    with pytest.raises(ReadTimeoutError):
        asked(lifecycle)
    assert len(sent) == 1


# --- what becomes of a verdict ---------------------------------------------------------------------------------------


def moved(caller: Caller = AGENT, **values: Any) -> Any:
    given: dict[str, Any] = {"resolution": None, "comment": None, "expected_version": None} | values
    return move_ticket(grant(Operation.TRANSITION_TICKET, caller), TICKET_ID, Status.IN_PROGRESS, **given)


@pytest.mark.parametrize(
    ("outcome", "rest", "raised", "details"),
    [
        ("FORBIDDEN", {}, ForbiddenError, []),
        ("VERSION_MISMATCH", {}, PreconditionFailedError, []),
        ("CONFLICT", {}, ConflictError, []),
        ("TRANSITION_NOT_ALLOWED", {}, TransitionNotAllowedError, ["OPEN", "CLOSED"]),
        ("REQUIREMENT_MISSING", {"missing": "assignedToId"}, TransitionRequirementMissingError, ["assignedToId"]),
        ("REQUIREMENT_MISSING", {"missing": "resolution"}, TransitionRequirementMissingError, ["resolution"]),
    ],
)
def test_a_refusal_is_an_error_of_the_contract(
    lifecycle: StubbedLifecycle, outcome: str, rest: dict[str, str], raised: type[ApiError], details: list[str]
) -> None:
    lifecycle.decides(outcome, a_ticket(), **rest)
    with pytest.raises(raised) as caught:
        moved()
    assert caught.value.details == details


def test_a_ticket_not_found_is_not_found(lifecycle: StubbedLifecycle) -> None:
    lifecycle.decides("TICKET_NOT_FOUND")
    with pytest.raises(TicketNotFoundError):
        moved(OTHER_REPORTER)


def test_the_moves_that_are_allowed_are_told_for_this_caller(lifecycle: StubbedLifecycle) -> None:
    lifecycle.decides("TRANSITION_NOT_ALLOWED", a_ticket(status=Status.OPEN))
    with pytest.raises(TransitionNotAllowedError) as caught:
        moved(REPORTER)
    assert caught.value.details == ["CLOSED"]


def test_a_moved_ticket_is_returned(lifecycle: StubbedLifecycle) -> None:
    after = a_ticket(status=Status.IN_PROGRESS, version=2)
    lifecycle.decides("MOVED", after)
    assert moved(ADMIN, resolution="r", comment="c", expected_version=1) == after
    assert lifecycle.inputs[0]["fields"] == {"resolution": "r"}


# --- edits with another status ---------------------------------------------------------------------------------------


def edited(values: dict[str, Any], expected_version: int | None = None, caller: Caller = AGENT) -> Any:
    return edit_ticket(grant(Operation.UPDATE_TICKET, caller), TICKET_ID, values, expected_version)


def test_an_edit_sends_only_the_fields_that_change(dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle) -> None:
    stored(dynamodb, a_ticket(tags=["vpn"], priority=Priority.LOW))
    lifecycle.decides("MOVED", a_ticket(status=Status.OPEN, version=2))
    edited({"status": "OPEN", "title": "VPN drops", "tags": ["vpn"], "priority": "HIGH", "resolution": None})
    assert lifecycle.inputs[0]["fields"] == {"priority": "HIGH"}


def test_an_edit_that_lost_a_race_reads_and_decides_again(
    dynamodb: DynamoDBClient, acme: TicketRepository, lifecycle: StubbedLifecycle
) -> None:
    # Given a ticket that somebody else changes after it was read, to what the edit wanted in part
    before = stored(dynamodb, a_ticket())
    theirs = before.model_copy(update={"priority": Priority.HIGH, "version": 2})
    changes = iter([lambda: acme.update(before, theirs, an_event(theirs))])

    def interfere(**_kwargs: Any) -> None:
        next(changes, lambda: None)()

    lifecycle.client.meta.events.register("provide-client-params.stepfunctions.StartSyncExecution", interfere)
    lifecycle.decides("VERSION_MISMATCH", theirs)
    after = theirs.model_copy(update={"status": Status.OPEN, "title": "New", "version": 3})
    lifecycle.decides("MOVED", after)
    # When the edit is made
    made = edited({"status": "OPEN", "priority": "HIGH", "title": "New"})
    # Then it is decided again on the ticket as it is by then
    assert made == after
    assert [(sent["expectedVersion"], sent["fields"]) for sent in lifecycle.inputs] == [
        (1, {"title": "New", "priority": "HIGH"}),
        (2, {"title": "New"}),
    ]


def test_an_edit_of_a_version_that_is_gone_is_412(
    dynamodb: DynamoDBClient, acme: TicketRepository, lifecycle: StubbedLifecycle
) -> None:
    before = stored(dynamodb, a_ticket())
    theirs = before.model_copy(update={"priority": Priority.HIGH, "version": 2})

    def interfere(**_kwargs: Any) -> None:
        acme.update(before, theirs, an_event(theirs))

    lifecycle.client.meta.events.register("provide-client-params.stepfunctions.StartSyncExecution", interfere)
    lifecycle.decides("VERSION_MISMATCH", theirs)
    with pytest.raises(PreconditionFailedError):
        edited({"status": "OPEN"}, expected_version=1)
    assert len(lifecycle.inputs) == 1


def test_an_edit_gives_up_after_five_lost_races(dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle) -> None:
    ticket = stored(dynamodb, a_ticket())
    for _ in range(5):
        lifecycle.decides("VERSION_MISMATCH", ticket)
    with pytest.raises(ConflictError):
        edited({"status": "OPEN"})
    assert len(lifecycle.inputs) == 5


def test_an_edit_of_another_reporters_ticket_asks_nobody(dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle) -> None:
    stored(dynamodb, a_ticket())
    with pytest.raises(TicketNotFoundError):
        edited({"status": "CLOSED"}, caller=OTHER_REPORTER)
    assert lifecycle.inputs == []


def test_output_that_is_no_json_is_a_failure(lifecycle: StubbedLifecycle) -> None:
    lifecycle.ends("SUCCEEDED", output="{")
    with pytest.raises(json.JSONDecodeError):
        asked(lifecycle)
