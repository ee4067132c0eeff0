"""Connections as they are stored: topics, their number, the end of a token."""

from datetime import timedelta

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.conftest import Clock
from tests.unit.live.support import CONNECTION, connection
from tests.unit.support import AGENT, MOMENT, NOTIFICATIONS_TABLE, REPORTER, data_of
from ticketing.errors import BadRequestError, UnauthorizedError
from ticketing.live.connections import MOST_TOPICS, Connections


def test_a_connection_is_found_with_its_topics(connections: Connections) -> None:
    connections.open(connection(CONNECTION, AGENT, until=1_900_000_000))
    connections.open(connection("other", REPORTER))
    for topic in ("queue", "mine", "queue"):
        connections.subscribe(CONNECTION, topic)
    connections.unsubscribe(CONNECTION, "mine")
    connections.unsubscribe(CONNECTION, "never subscribed")
    assert sorted(connections.all(), key=lambda each: each.id) == [
        connection(CONNECTION, AGENT, "queue", until=1_900_000_000),
        connection("other", REPORTER),
    ]
    assert connections.topics(CONNECTION) == {"queue"}
    assert connections.topics("nobody") == set()


def test_a_closed_connection_is_forgotten(connections: Connections) -> None:
    connections.open(connection(CONNECTION, AGENT))
    connections.close(CONNECTION)
    connections.close(CONNECTION)
    assert list(connections.all()) == []


def test_a_connection_is_a_tenants_own(connections: Connections, dynamodb: DynamoDBClient) -> None:
    connections.open(connection(CONNECTION, AGENT))
    globex = Connections(data_of(dynamodb, "globex"))
    assert list(globex.all()) == []
    with pytest.raises(UnauthorizedError):
        globex.subscribe(CONNECTION, "queue")


def test_there_are_at_most_50_topics(connections: Connections) -> None:
    connections.open(connection(CONNECTION, AGENT))
    for number in range(MOST_TOPICS):
        connections.subscribe(CONNECTION, f"ticket#{number}")
    connections.subscribe(CONNECTION, "ticket#0")  # is there already
    with pytest.raises(BadRequestError, match="at most 50 topics"):
        connections.subscribe(CONNECTION, "one more")
    connections.unsubscribe(CONNECTION, "ticket#0")
    connections.subscribe(CONNECTION, "one more")
    assert len(connections.topics(CONNECTION)) == MOST_TOPICS


def test_what_is_not_open_takes_no_topics_and_is_not_made_by_them(connections: Connections) -> None:
    with pytest.raises(UnauthorizedError):
        connections.subscribe(CONNECTION, "queue")
    with pytest.raises(UnauthorizedError):
        connections.unsubscribe(CONNECTION, "queue")
    assert list(connections.all()) == []


def test_a_connection_ends_with_its_token() -> None:
    end = int(MOMENT.timestamp()) + 60
    assert not connection(CONNECTION, AGENT, until=end).is_over(MOMENT)
    assert connection(CONNECTION, AGENT, until=end).is_over(MOMENT + timedelta(seconds=60))
    assert not connection(CONNECTION, AGENT).is_over(MOMENT + timedelta(days=900))


def test_it_expires_after_what_api_gateway_allows(
    connections: Connections, dynamodb: DynamoDBClient, time: Clock
) -> None:
    connections.open(connection(CONNECTION, AGENT))
    (item,) = dynamodb.scan(TableName=NOTIFICATIONS_TABLE)["Items"]
    left = int(item["expiresAt"]["N"]) - time.now.timestamp()
    assert timedelta(hours=2) < timedelta(seconds=left) < timedelta(hours=3)
