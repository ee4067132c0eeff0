"""What a move puts alongside: new items of the ticket and people who watch it, in the same write or not at all."""

import pytest

from tests.workflow.interpreter import WRITE, Script, after, answer_lost, cancelled
from tests.workflow.machine import OWN_REPORTER, SOMEBODY, Machine, Values, new_ticket
from ticketing.tickets.lifecycle import Status

COMMENT = {"SK": "COMMENT#1", "body": "It is back: {% $key %}, \n\"quoted\", '\U0001f3ab'", "mentions": [SOMEBODY]}
KEY = {"SK": "COMMENT_KEY#1", "commentId": "1"}


def elsewhere(ticket: Values) -> Values:
    """Return the same item as COMMENT, under another ticket's key."""
    return COMMENT | {"PK": f"{ticket['PK']}-another"}


@pytest.mark.parametrize("items", [[], [COMMENT], [COMMENT, KEY]], ids=len)
@pytest.mark.parametrize("watchers", [[], ["a"], ["a", "b"]], ids=len)
def test_it_lands_with_the_move(machine: Machine, items: list[Values], watchers: list[str]) -> None:
    ticket = machine.put(new_ticket(Status.RESOLVED))
    execution = machine.move(ticket, Status.OPEN, OWN_REPORTER, alongside=items, watchers=watchers, expected_version=7)
    assert execution.outcome == "MOVED"
    assert execution.ticket == machine.read(ticket)
    assert [event["version"] for event in machine.events(ticket)] == [8]
    watching = [{"PK": ticket["PK"], "SK": f"WATCHER#{user}", "watching": True} for user in watchers]
    assert machine.others(ticket) == [{"PK": ticket["PK"]} | item for item in items] + watching


def test_it_can_only_be_of_the_ticket_itself(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.RESOLVED))
    assert machine.move(ticket, Status.OPEN, alongside=[elsewhere(ticket)]).outcome == "MOVED"
    assert machine.others(ticket) == [{"PK": ticket["PK"]} | COMMENT]
    assert machine.others(elsewhere(ticket)) == []


def test_an_event_happens_when_the_move_does(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.RESOLVED))
    event = {"SK": "EVENT#0000000008#1", "occurredAt": "2026-01-01T00:00:00.000Z", "eventType": "CommentAdded"}
    assert machine.move(ticket, Status.OPEN, alongside=[event]).outcome == "MOVED"
    moved, added = machine.events(ticket)
    assert added == {"PK": ticket["PK"]} | event | {"occurredAt": moved["occurredAt"]}


def test_a_refused_move_puts_nothing(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.RESOLVED))
    for to, version, outcome in (
        (Status.IN_PROGRESS, 7, "TRANSITION_NOT_ALLOWED"),
        (Status.OPEN, 6, "VERSION_MISMATCH"),
    ):
        execution = machine.move(ticket, to, alongside=[COMMENT], watchers=["a"], expected_version=version)
        assert execution.outcome == outcome
    assert machine.others(ticket) == machine.events(ticket) == []


@pytest.mark.parametrize("there", [KEY, {"SK": "TICKET"}], ids=["an item", "the ticket"])
def test_it_is_never_put_over_what_is_there(embedded: Machine, script: Script, there: Values) -> None:
    ticket = embedded.put(new_ticket(Status.RESOLVED))
    before = embedded.read(embedded.put({"PK": ticket["PK"]} | KEY))
    new = there | {"commentId": "2"}
    if there is KEY:
        assert embedded.move(ticket, Status.OPEN, alongside=[COMMENT, new]).outcome == "ALREADY_THERE"
    else:
        assert embedded.move(ticket, Status.OPEN, alongside=[new]).status == "FAILED"  # an item twice in one write
    assert embedded.read(ticket) == before == ticket
    assert embedded.others(ticket) == [{"PK": ticket["PK"]} | KEY]
    assert len(script.requests[WRITE]) == 1


def test_who_chose_keeps_their_choice(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.RESOLVED))
    chosen = machine.put({"PK": ticket["PK"], "SK": "WATCHER#a", "watching": False})
    assert machine.move(ticket, Status.OPEN, watchers=["a", "b"]).outcome == "MOVED"
    assert machine.others(ticket) == [chosen, chosen | {"SK": "WATCHER#b", "watching": True}]


def test_a_lost_race_with_a_version_expected_puts_nothing(embedded: Machine, script: Script) -> None:
    ticket = embedded.put(new_ticket(Status.RESOLVED))
    script.faults[WRITE] = [after(lambda: embedded.put(ticket | {"version": 8}))]
    execution = embedded.move(ticket, Status.OPEN, alongside=[COMMENT], watchers=["a"], expected_version=7)
    assert execution.outcome == "VERSION_MISMATCH"
    assert embedded.others(ticket) == []


def test_a_race_that_is_lost_besides_is_decided_anew(embedded: Machine, script: Script) -> None:
    ticket = embedded.put(new_ticket(Status.RESOLVED))
    script.faults[WRITE] = [cancelled("ConditionalCheckFailed", "None", "ConditionalCheckFailed")]
    assert embedded.move(ticket, Status.OPEN, alongside=[COMMENT]).outcome == "MOVED"
    assert len(script.requests[WRITE]) == 2


def test_a_write_whose_answer_was_lost_is_not_taken_for_one_of_before(embedded: Machine, script: Script) -> None:
    ticket = embedded.put(new_ticket(Status.RESOLVED))
    script.faults[WRITE] = [answer_lost("DynamoDb.SdkClientException")]
    execution = embedded.move(ticket, Status.OPEN, alongside=[COMMENT, KEY], expected_version=7)
    assert execution.outcome == "MOVED"
    assert len(embedded.others(ticket)) == 2
