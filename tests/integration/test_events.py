"""The pipeline on the running stack: what was put aside is sent again, dead letters move back, replays do no harm."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.harness.bus import SECONDS_TO_ARRIVE, BusProbe, OnceProbe
from tests.harness.people import TICKET, Tenant
from tests.harness.stack import Stack

type Json = dict[str, Any]


@pytest.fixture
def bus(stack: Stack) -> Iterator[BusProbe]:
    with BusProbe(stack) as probe:
        yield probe


def resend(stack: Stack) -> Json:
    """Call resendEvents by hand and return its answer."""
    answer = stack.client("lambda").invoke(FunctionName=stack.outputs["ResendEventsName"], Payload=b"{}")
    content: Json = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, content
    return content


def put_aside(stack: Stack, ticket_id: str) -> Json:
    """Return the message about an event of the ticket, as soon as there is one, and leave it in the queue."""
    sqs, url = stack.client("sqs"), stack.outputs["UnpublishedEventsUrl"]
    deadline = time.monotonic() + SECONDS_TO_ARRIVE
    while True:
        request = {"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1, "VisibilityTimeout": 0}
        for message in sqs.receive_message(**request).get("Messages", []):
            body: Json = json.loads(message["Body"])
            if ticket_id in message["Body"]:
                return body
        assert time.monotonic() < deadline


def changed(tenant: Tenant, count: int) -> str:
    """Return the id of a new ticket with so many events."""
    answer = tenant.agent.post("/v1/tickets", json=TICKET)
    assert answer.status_code == httpx.codes.CREATED
    url = answer.headers["Location"]
    for number in range(count - 1):
        assert tenant.agent.patch(url, json={"title": f"T{number}"}).is_success
    return str(answer.json()["id"])


def test_events_arrive_in_order(acme: Tenant, bus: BusProbe) -> None:
    ticket_id = changed(acme, 5)
    assert [event["version"] for event in bus.events_of(ticket_id, 5)] == [1, 2, 3, 4, 5]


def test_a_poison_event_is_put_aside_and_once_mended_resent(stack: Stack, acme: Tenant, bus: BusProbe) -> None:
    ticket_id = changed(acme, 1)
    bus.events_of(ticket_id, 1)
    dynamodb, table = stack.client("dynamodb"), stack.outputs["TicketsTableName"]
    partition = f"TENANT#{bus.envelopes[-1]['detail']['tenantId']}#TICKET#{ticket_id}"
    first = dynamodb.get_item(TableName=table, Key={"PK": {"S": partition}, "SK": {"S": "EVENT#0000000001"}})["Item"]
    mended = first | {"SK": {"S": "EVENT#0000000002"}, "eventId": {"S": str(uuid4())}, "version": {"N": "2"}}
    poison = {name: value for name, value in mended.items() if name != "actorId"}
    dynamodb.put_item(TableName=table, Item=poison)
    third = first | {"SK": {"S": "EVENT#0000000003"}, "eventId": {"S": str(uuid4())}, "version": {"N": "3"}}
    dynamodb.put_item(TableName=table, Item=third)

    message = put_aside(stack, ticket_id)
    assert message["key"] == {"PK": {"S": partition}, "SK": {"S": "EVENT#0000000002"}}
    assert message["reason"] == "not an event: KeyError"
    assert [event["version"] for event in bus.events_of(ticket_id, 2)] == [1, 3]  # the others go on

    dynamodb.put_item(TableName=table, Item=mended)
    assert resend(stack)["published"] == 1
    assert [event["version"] for event in bus.events_of(ticket_id, 3)] == [1, 3, 2]
    assert resend(stack)["published"] == 0


def test_a_part_of_the_stream_that_was_given_up_is_resent(stack: Stack, acme: Tenant, bus: BusProbe) -> None:
    """As Lambda puts it aside: where it is, not what is in it."""
    ticket_id = changed(acme, 4)
    bus.events_of(ticket_id, 4)
    streams, table = stack.client("dynamodbstreams"), stack.outputs["TicketsTableName"]
    arn = streams.list_streams(TableName=table)["Streams"][0]["StreamArn"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    numbers: list[str] = []
    while records := (page := streams.get_records(ShardIterator=iterator))["Records"]:
        images = [(each["dynamodb"]["SequenceNumber"], each["dynamodb"].get("NewImage", {})) for each in records]
        numbers += [number for number, image in images if image.get("ticketId") == {"S": ticket_id}]
        iterator = page["NextShardIterator"]
    info = {
        "shardId": shard["ShardId"],
        "streamArn": arn,
        "startSequenceNumber": numbers[1],
        "endSequenceNumber": numbers[2],
        "batchSize": 2,
    }
    body = json.dumps({"requestContext": {"condition": "RecordAgeExceeded"}, "DDBStreamBatchInfo": info})
    stack.client("sqs").send_message(QueueUrl=stack.outputs["UnpublishedEventsUrl"], MessageBody=body)
    assert resend(stack)["published"] >= 2  # what others did in between is among it
    assert [event["version"] for event in bus.events_of(ticket_id, 6)] == [1, 2, 3, 4, 2, 3]


def test_a_replay_brings_everything_again_and_consumers_do_nothing_twice(
    stack: Stack, acme: Tenant, bus: BusProbe
) -> None:
    begin = datetime.now(UTC)
    consumer = OnceProbe(bus, name=f"probe-{uuid4()}")

    def of_ticket() -> list[Json]:
        return [each for each in bus.envelopes if each["detail"]["ticketId"] == ticket_id]

    def wait_for(count: int) -> None:
        deadline = time.monotonic() + SECONDS_TO_ARRIVE
        while len(of_ticket()) < count:
            assert time.monotonic() < deadline
            consumer.work()

    ticket_id = changed(acme, 3)
    wait_for(3)
    name, events = f"replay-{uuid4()}", stack.client("events")
    archive = stack.outputs["EventArchiveArn"]
    events.start_replay(
        ReplayName=name,
        EventSourceArn=archive,
        EventStartTime=begin - timedelta(seconds=1),
        EventEndTime=datetime.now(UTC) + timedelta(seconds=1),
        Destination={"Arn": events.describe_event_bus(Name=stack.outputs["EventBusName"])["Arn"]},
    )
    wait_for(6)
    assert [each.get("replay-name") for each in of_ticket()] == [None] * 3 + [name] * 3
    applied = {each["detail"]["id"]: consumer.applied[each["detail"]["id"]] for each in of_ticket()}
    assert list(applied.values()) == [1, 1, 1]


@pytest.fixture
def queues(stack: Stack) -> Iterator[tuple[str, str]]:
    """The addresses of a queue and of the one for its dead letters, to which messages go at their second failure."""
    sqs, name = stack.client("sqs"), f"queue-{uuid4()}"
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    policy = {"deadLetterTargetArn": arn_of(stack, dead), "maxReceiveCount": 1}
    attributes = {"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "0"}
    alive = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    yield alive, dead
    for url in (alive, dead):
        sqs.delete_queue(QueueUrl=url)


def arn_of(stack: Stack, url: str) -> str:
    attributes = stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    return str(attributes["QueueArn"])


@pytest.mark.parametrize("named", [True, False])
def test_a_consumers_dead_letters_are_moved_back(stack: Stack, queues: tuple[str, str], *, named: bool) -> None:
    """What fails too often is in the other queue; one command brings it back."""
    (alive, dead), sqs = queues, stack.client("sqs")
    sent = {str(number) for number in range(13)}
    for body in sent:
        sqs.send_message(QueueUrl=alive, MessageBody=body)

    def receive(url: str) -> list[str]:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"] for message in answer.get("Messages", [])]

    def number(url: str) -> str:
        name = "ApproximateNumberOfMessages"
        return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])

    deadline = time.monotonic() + SECONDS_TO_ARRIVE
    while receive(alive):
        assert time.monotonic() < deadline
    assert (number(alive), number(dead)) == ("0", "13")
    destination = {"DestinationArn": arn_of(stack, alive)} if named else {}
    sqs.start_message_move_task(SourceArn=arn_of(stack, dead), **destination)
    assert (number(alive), number(dead)) == ("13", "0")


def test_dead_letters_without_a_place_to_go_stay(stack: Stack, queues: tuple[str, str]) -> None:
    sqs = stack.client("sqs")
    with pytest.raises(sqs.exceptions.ResourceNotFoundException):
        sqs.start_message_move_task(SourceArn=arn_of(stack, queues[0]))
