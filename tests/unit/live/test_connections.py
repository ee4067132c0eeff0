"""Connections as they are stored: topics, their number, the end of a token."""

from datetime import timedelta

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.conftest import Clock
from tests.unit.live.support import CONNECTION, connection
from tests.unit.support import AGENT, MOMENT, NOTIFICATIONS_TABLE, REPORTER, data_of
from ticketing.errors import BadRequestError, UnauthorizedError
from ticketing.live.connections import MOST_TOPICS, Connections

OPENED = connection(CONNECTION, AGENT)


def test_a_connection_is_found_with_its_topics(connections: Connections) -> None:
    connections.open(connection(CONNECTION, AGENT, until=1_900_000_000))
    connections.open(connection("other", REPORTER))
    for topic in ("queue", "mine", "queue"):
        connections.subscribe(OPENED, topic)
    connections.unsubscribe(OPENED, "mine")
    connections.unsubscribe(OPENED, "never subscribed")
    assert sorted(connections.all(), key=lambda each: each.id) == [
        connection(CONNECTION, AGENT, "queue", until=1_900_000_000),
        connection("other", REPORTER),
    ]
    assert connections.topics(OPENED) == {"queue"}
    assert connections.topics(connection("nobody", AGENT)) == set()


def test_a_closed_connection_is_forgotten(connections: Connections) -> None:
    connections.open(OPENED)
    connections.close(OPENED)
    connections.close(OPENED)
    assert list(connections.all()) == []


def test_open_connections_are_counted_by_tenant_and_by_user(connections: Connections, time: Clock) -> None:
    for number in range(3):
        connections.open(connection(f"{number}", AGENT))
        time.forward(hours=1)
    connections.open(connection("other", REPORTER))
    assert (connections.count(), connections.count(AGENT.user_id)) == (3, 2)  # the first is over, TTL or not


def test_a_connection_is_a_tenants_own(connections: Connections, dynamodb: DynamoDBClient) -> None:
    connections.open(OPENED)
    globex = Connections(data_of(dynamodb, "globex"))
    assert list(globex.all()) == []
    with pytest.raises(UnauthorizedError):
        globex.subscribe(OPENED, "queue")


def test_there_are_at_most_50_topics(connections: Connections) -> None:
    connections.open(OPENED)
    for number in range(MOST_TOPICS):
        connections.subscribe(OPENED, f"ticket#{number}")
    connections.subscribe(OPENED, "ticket#0")  # is there already
    with pytest.raises(BadRequestError, match="at most 50 topics"):
        connections.subscribe(OPENED, "one more")
    connections.unsubscribe(OPENED, "ticket#0")
    connections.subscribe(OPENED, "one more")
    assert len(connections.topics(OPENED)) == MOST_TOPICS


def test_what_is_not_open_takes_no_topics_and_is_not_made_by_them(connections: Connections) -> None:
    with pytest.raises(UnauthorizedError):
        connections.subscribe(OPENED, "queue")
    with pytest.raises(UnauthorizedError):
        connections.unsubscribe(OPENED, "queue")
    assert list(connections.all()) == []


def test_a_connection_ends_with_its_token() -> None:
    end = int(MOMENT.timestamp()) + 60
    assert not connection(CONNECTION, AGENT, until=end).is_over(MOMENT)
    assert connection(CONNECTION, AGENT, until=end).is_over(MOMENT + timedelta(seconds=60))
    assert not OPENED.is_over(MOMENT + timedelta(days=900))


def test_it_expires_after_what_api_gateway_allows(
    connections: Connections, dynamodb: DynamoDBClient, time: Clock
) -> None:
    connections.open(OPENED)
    (item,) = dynamodb.scan(TableName=NOTIFICATIONS_TABLE)["Items"]
    left = int(item["expiresAt"]["N"]) - time.now.timestamp()
    assert timedelta(hours=2) < timedelta(seconds=left) < timedelta(hours=3)
