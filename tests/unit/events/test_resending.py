"""What was put aside, published after all."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from mypy_boto3_dynamodb import DynamoDBClient

from functions.events import resend_events
from tests.unit.events.support import Bus, Record, event, poison, record
from tests.unit.support import TABLE, Context
from ticketing.aws import clients
from ticketing.dynamodb.attributes import to_item
from ticketing.tickets.events import TicketEvent
from ticketing.tickets.outbox import item_of

STREAM, SHARD = "arn:aws:dynamodb:us-east-1:123456789012:table/tickets/stream/1", "shardId-1"


@dataclass
class Queue:
    """A queue whose messages, once received, are hidden."""

    bodies: list[str]
    hidden: list[str] = field(default_factory=list)
    sent: list[Record] = field(default_factory=list)

    def receive_message(self, **_request: Any) -> Record:
        taken, self.bodies = self.bodies[:10], self.bodies[10:]
        self.hidden += taken
        return {"Messages": [{"ReceiptHandle": body, "Body": body} for body in taken]} if taken else {}

    def delete_message(self, *, ReceiptHandle: str, **_request: Any) -> None:  # noqa: N803 (boto's name)
        self.hidden.remove(ReceiptHandle)

    def send_message(self, *, MessageBody: str, **_request: Any) -> None:  # noqa: N803
        self.sent.append(json.loads(MessageBody))


@dataclass
class Stream:
    """A shard, read in pages of two records."""

    records: list[Record] = field(default_factory=list)
    trimmed: bool = False

    def get_shard_iterator(self, **request: Any) -> Record:
        assert (request["StreamArn"], request["ShardId"]) == (STREAM, SHARD)
        assert request["ShardIteratorType"] == "AT_SEQUENCE_NUMBER"
        if self.trimmed:
            raise ClientError({"Error": {"Code": "TrimmedDataAccessException", "Message": ""}}, "GetShardIterator")
        numbers = [each["dynamodb"]["SequenceNumber"] for each in self.records]
        return {"ShardIterator": str(numbers.index(request["SequenceNumber"]))}

    def get_records(self, *, ShardIterator: str) -> Record:  # noqa: N803
        start = int(ShardIterator)
        return {"Records": self.records[start : start + 2], "NextShardIterator": str(start + 2)}


@dataclass
class World:
    queue: Queue
    bus: Bus
    stream: Stream

    def resend(self, context: Context | None = None) -> dict[str, int]:
        return resend_events.handler({}, context or Context())


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, dynamodb: DynamoDBClient) -> World:
    assert dynamodb
    world = World(Queue([]), Bus(), Stream())
    monkeypatch.setenv("EVENT_BUS", "the-bus")
    monkeypatch.setenv("UNPUBLISHED_EVENTS", "https://sqs/unpublished")
    monkeypatch.setattr(clients, "events", lambda: world.bus.client)
    monkeypatch.setattr(clients, "sqs", lambda: world.queue)
    monkeypatch.setattr(clients, "dynamodbstreams", lambda: world.stream)
    return world


@pytest.fixture
def dead(world: World, dynamodb: DynamoDBClient) -> Callable[[TicketEvent], None]:
    """Put an event into the table and a message about it into the queue."""

    def put(of: TicketEvent) -> None:
        item = to_item(item_of(of))
        dynamodb.put_item(TableName=TABLE, Item=item)
        key = {name: item[name] for name in ("PK", "SK")}
        world.queue.bodies.append(json.dumps({"key": key, "sequenceNumber": "7", "reason": "not an event"}))

    return put


def part(first: int, last: int) -> str:
    info = {"shardId": SHARD, "streamArn": STREAM, "startSequenceNumber": str(first), "endSequenceNumber": str(last)}
    return json.dumps({"requestContext": {}, "DDBStreamBatchInfo": info})


def test_an_empty_queue_is_nothing_to_do(world: World) -> None:
    assert world.resend() == {"published": 0, "gone": 0, "left": 0}


def test_events_are_published_as_they_are_in_the_table_now(world: World, dead: Callable[[TicketEvent], None]) -> None:
    events = [event("a", version) for version in range(1, 24)]
    for each in events:
        dead(each)
    assert world.resend() == {"published": 23, "gone": 0, "left": 0}
    assert [TicketEvent.model_validate(each) for each in world.bus.arrived] == events
    assert (world.queue.bodies, world.queue.hidden) == ([], [])


def test_an_event_whose_ticket_was_removed_for_good_is_let_go(
    world: World, dead: Callable[[TicketEvent], None], dynamodb: DynamoDBClient
) -> None:
    dead(event())
    item = to_item(item_of(event()))
    dynamodb.delete_item(TableName=TABLE, Key={name: item[name] for name in ("PK", "SK")})
    assert world.resend() == {"published": 0, "gone": 1, "left": 0}
    assert world.queue.hidden == []


@pytest.mark.parametrize("end", [["MalformedDetail"], ["InternalFailure"], ReadTimeoutError(endpoint_url="events")])
def test_what_is_still_refused_stays_and_holds_up_nothing(
    world: World, dead: Callable[[TicketEvent], None], end: Any
) -> None:
    dead(event("a"))
    dead(event("b"))
    world.bus.script = [end] * (1 if end == ["MalformedDetail"] else 3)
    assert world.resend() == {"published": 1, "gone": 0, "left": 1}
    assert len(world.queue.hidden) == 1


@pytest.mark.parametrize(
    "body", ["not JSON", "[]", "{}", '{"key": {"PK": {"S": "x"}}}', '{"DDBStreamBatchInfo": {"shardId": "x"}}']
)
def test_a_message_that_nobody_here_has_written_stays(world: World, body: str) -> None:
    world.queue.bodies = [body]
    assert world.resend() == {"published": 0, "gone": 0, "left": 1}
    assert world.queue.hidden == [body]


def test_a_part_of_the_stream_is_read_from_its_first_to_its_last_record(world: World) -> None:
    changed = record(event("x"), 3) | {"eventName": "MODIFY"}
    ticket = record(event("x"), 4)
    ticket["dynamodb"]["Keys"] = ticket["dynamodb"]["Keys"] | {"SK": {"S": "TICKET"}}
    events = {number: record(event(str(number)), number) for number in (1, 2, 5, 6, 7)}
    world.stream.records = [*(events[n] for n in (1, 2)), changed, ticket, *(events[n] for n in (5, 6, 7))]
    world.queue.bodies = [part(2, 6)]
    assert world.resend() == {"published": 3, "gone": 0, "left": 0}
    ids = [events[number]["dynamodb"]["NewImage"]["eventId"]["S"] for number in (2, 5, 6)]
    assert [each["id"] for each in world.bus.arrived] == ids
    assert world.queue.hidden == []


def test_what_is_dead_in_a_part_gets_a_message_of_its_own(world: World) -> None:
    world.stream.records = [record(event("a"), 1), poison(2), record(event("b"), 3)]
    world.queue.bodies = [part(1, 3)]
    assert world.resend() == {"published": 2, "gone": 0, "left": 0}
    assert [message["sequenceNumber"] for message in world.queue.sent] == ["2"]
    assert world.queue.hidden == []


def test_a_part_that_is_not_published_whole_stays(world: World) -> None:
    world.stream.records = [record(event("a"), 1), record(event("b"), 2)]
    world.queue.bodies = [part(1, 2)]
    world.bus.script = [["InternalFailure"]] * 3
    assert world.resend() == {"published": 1, "gone": 0, "left": 1}
    assert len(world.queue.hidden) == 1


def test_a_part_that_the_stream_does_not_have_any_more_stays(world: World) -> None:
    world.stream.trimmed = True
    world.queue.bodies = [part(1, 2)]
    assert world.resend() == {"published": 0, "gone": 0, "left": 1}


def test_nothing_is_begun_that_may_not_end_in_time(world: World, dead: Callable[[TicketEvent], None]) -> None:
    for version in range(1, 13):
        dead(event("a", version))
    context = Context(left=chain(repeat(100_000, 3), repeat(1)))
    assert world.resend(context) == {"published": 2, "gone": 0, "left": 8}
    assert len(world.queue.bodies) == 2
