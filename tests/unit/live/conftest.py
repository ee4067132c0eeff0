"""The tables on moto, and API Gateway's side of open connections."""

from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.live.support import Gateway
from tests.unit.people.conftest import nothing_remembered
from tests.unit.support import data_of
from ticketing.aws import clients
from ticketing.live.connections import Connections
from ticketing.live.feed import Feed
from ticketing.live.limits import _memory_of

__all__ = ["connections", "feed", "gateway", "nothing_remembered"]


@pytest.fixture(autouse=True)
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    monkeypatch.setenv("LIVE_ENDPOINT", "https://live.execute-api.us-east-1.amazonaws.com/live")
    monkeypatch.setattr("ticketing.live.sender.time.sleep", lambda _seconds: None)
    answering = Gateway()
    answer: Any = answering.answer  # the types know of no handler that answers
    clients.live_connections().meta.events.register("before-send.apigatewaymanagementapi", answer)
    return answering


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    _memory_of.cache_clear()
    monkeypatch.setenv("LIVE_CONNECTIONS_PER_TENANT", "50")
    monkeypatch.setenv("LIVE_CONNECTIONS_PER_USER", "20")
    monkeypatch.setenv("LIVE_MESSAGES_PER_MINUTE", "200")


@pytest.fixture
def connections(dynamodb: DynamoDBClient, people: None) -> Connections:  # noqa: ARG001 - who opens them
    return Connections(data_of(dynamodb, "acme"))


@pytest.fixture
def feed(dynamodb: DynamoDBClient) -> Feed:
    return Feed(data_of(dynamodb, "acme"))
