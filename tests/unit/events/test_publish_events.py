"""The function on the stream: what it reports to Lambda, and what it puts aside."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import ANY, Stubber

from functions.events import publish_events
from tests.unit.events.support import Bus, Record, event, poison, record
from tests.unit.support import Context
from ticketing.aws import clients

QUEUE = "https://sqs/unpublished"


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    bus = Bus()
    monkeypatch.setenv("EVENT_BUS", "the-bus")
    monkeypatch.setenv("UNPUBLISHED_EVENTS", QUEUE)
    monkeypatch.setattr(clients, "events", lambda: bus.client)
    return bus


@pytest.fixture
def queue() -> Iterator[Stubber]:
    with Stubber(clients.sqs()) as stubber:
        yield stubber


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Let no message reach the queue, and return a function that counts the tries."""
    tries: list[Record] = []

    def send(**message: Any) -> None:
        tries.append(message)
        raise ReadTimeoutError(endpoint_url=QUEUE)

    monkeypatch.setattr(clients.sqs(), "send_message", send)
    return lambda: len(tries)


def run(*records: Record) -> list[str]:
    """Return the numbers of the records that the function wants again."""
    answer = publish_events.handler({"Records": list(records)}, Context())
    assert answer.keys() == {"batchItemFailures"}
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_what_is_published_is_done(bus: Bus) -> None:
    assert run(record(event("a")), record(event("b"), 2)) == []
    assert len(bus.arrived) == 2


def test_what_fails_is_reported_by_its_number(bus: Bus) -> None:
    bus.script = [["InternalFailure"]] * 3
    assert run(record(event("a"), 17)) == ["17"]


def test_a_poison_record_is_put_aside_by_its_key(bus: Bus, queue: Stubber) -> None:
    spoilt = poison(17)
    message = {"key": spoilt["dynamodb"]["Keys"], "sequenceNumber": "17", "reason": "not an event: KeyError"}
    queue.add_response("send_message", {"MessageId": "1"}, {"QueueUrl": QUEUE, "MessageBody": json.dumps(message)})
    assert run(record(event("a")), spoilt, record(event("b"), 18)) == []
    assert len(bus.arrived) == 2
    queue.assert_no_pending_responses()


def test_what_can_not_be_put_aside_comes_again(bus: Bus, queue: Stubber) -> None:
    queue.add_response("send_message", {"MessageId": "1"}, {"QueueUrl": QUEUE, "MessageBody": ANY})
    queue.add_client_error("send_message", "AccessDenied", http_status_code=403)
    assert run(poison(1), poison(2, "b"), poison(3, "c"), record(event("d"), 4)) == ["2", "3"]
    assert len(bus.arrived) == 1


def test_a_queue_without_an_answer_is_not_asked_for_each_record(bus: Bus, lost: Callable[[], int]) -> None:
    """Each time takes up to 12 s: more than a few of them, and the function reports nothing at all."""
    assert run(*(poison(number, str(number)) for number in range(9))) == [str(number) for number in range(9)]
    assert (lost(), bus.arrived) == (1, [])
