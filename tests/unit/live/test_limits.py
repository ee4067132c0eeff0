"""How many connections a user and a tenant may have, and how many messages a user may send: small limits, tried."""

import json
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from functions.live import connect, disconnect, receive_message
from tests.unit.conftest import Clock
from tests.unit.live.support import CONNECTION, Gateway, connection, live_event
from tests.unit.support import ADMIN, AGENT, NOTIFICATIONS_TABLE, OTHER_REPORTER, REPORTER, Context, data_of
from ticketing.access.identity import Caller
from ticketing.aws import clients
from ticketing.live.connections import Connections
from ticketing.live.limits import COUNTED_EVERY, OPENING_COSTS, _memory_of


def opens(caller: Caller, name: str) -> int:
    """Open a connection and return the status of the handshake."""
    status: int = connect.handler(live_event(caller=caller, connection=name), Context())["statusCode"]
    return status


def says(caller: Caller = AGENT, name: str = CONNECTION) -> str | None:
    """Ping and return the answer's type, or its code if it is an error; None if there was no answer."""
    answer = receive_message.handler(live_event({"action": "ping"}, caller=caller, connection=name), Context())
    body: dict[str, Any] = json.loads(answer.get("body", "{}"))
    return body.get("code", body.get("type"))


def writes(client: DynamoDBClient) -> list[str]:
    """Record the operations that write, from now on."""
    found: list[str] = []

    def record(model: Any, **_kwargs: Any) -> None:
        if model.name in {"PutItem", "UpdateItem", "DeleteItem"}:
            found.append(model.name)

    client.meta.events.register("before-call.dynamodb", record)
    return found


@pytest.mark.usefixtures("time")
def test_a_user_has_a_number_of_connections(connections: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVE_CONNECTIONS_PER_USER", "2")
    assert [opens(AGENT, name) for name in "abc"] == [200, 200, 429]
    assert opens(ADMIN, "d") == 200
    disconnect.handler(live_event(connection="a"), Context())
    assert opens(AGENT, "e") == 200
    assert {each.id for each in connections.all()} == {"b", "d", "e"}


def test_what_is_over_does_not_count(connections: Connections, monkeypatch: pytest.MonkeyPatch, time: Clock) -> None:
    monkeypatch.setenv("LIVE_CONNECTIONS_PER_USER", "1")
    connections.open(connection("lost", AGENT))
    assert opens(AGENT, "a") == 429
    time.forward(hours=2, minutes=10)
    assert opens(AGENT, "a") == 200


@pytest.mark.usefixtures("connections")
def test_a_tenant_has_a_number_of_connections(
    monkeypatch: pytest.MonkeyPatch, dynamodb: DynamoDBClient, time: Clock
) -> None:
    monkeypatch.setenv("LIVE_CONNECTIONS_PER_TENANT", "3")
    callers = (AGENT, ADMIN, REPORTER, OTHER_REPORTER)
    assert [opens(caller, caller.user_id) for caller in callers] == [200, 200, 200, 429]
    assert opens(Caller(AGENT.user_id, "globex", AGENT.role), "another tenant's") == 200
    Connections(data_of(dynamodb, "acme")).close(connection(ADMIN.user_id, ADMIN))
    assert opens(OTHER_REPORTER, "x") == 429  # the tenant is counted every ten seconds
    time.forward(seconds=10)
    assert opens(OTHER_REPORTER, "x") == 200


@pytest.mark.usefixtures("connections")
def test_connecting_again_and_again_is_refused(monkeypatch: pytest.MonkeyPatch, time: Clock) -> None:
    monkeypatch.setenv("LIVE_MESSAGES_PER_MINUTE", str(3 * OPENING_COSTS))
    statuses = []
    for _ in range(4):
        statuses.append(opens(AGENT, "a"))
        disconnect.handler(live_event(connection="a"), Context())
    assert statuses == [200, 200, 200, 429]
    time.forward(seconds=60)
    assert opens(AGENT, "a") == 200


@pytest.mark.usefixtures("connections")
def test_a_user_sends_a_number_of_messages_a_minute(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, time: Clock
) -> None:
    monkeypatch.setenv("LIVE_MESSAGES_PER_MINUTE", "25")
    names = "ab" * 13  # on all connections together
    assert [says(AGENT, name) for name in names] == ["pong"] * 25 + ["too_many_requests"]
    assert says(ADMIN, "c") == "pong"
    assert gateway.closed == []
    time.forward(seconds=60)
    assert says() == "pong"


@pytest.mark.usefixtures("connections", "time")
def test_whoever_goes_on_loses_the_connection(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVE_MESSAGES_PER_MINUTE", "20")
    answers = [says() for _ in range(41)]
    assert answers == ["pong"] * 20 + ["too_many_requests"] * 20 + [None]
    assert [message["code"] for message in gateway.told[CONNECTION]] == ["too_many_requests"]
    assert gateway.closed == [CONNECTION]


@pytest.mark.usefixtures("connections", "time")
def test_messages_are_added_up_over_execution_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVE_MESSAGES_PER_MINUTE", "50")
    answers = []
    for _environment in range(8):
        _memory_of.cache_clear()
        answers += [says() for _ in range(COUNTED_EVERY)]
    assert 50 <= answers.count("pong") < 50 + 8 * COUNTED_EVERY
    assert answers[-1] == "too_many_requests"


@pytest.mark.usefixtures("connections", "time")
def test_few_messages_cost_no_write(dynamodb: DynamoDBClient) -> None:
    found = writes(clients.dynamodb())
    assert [says() for _ in range(COUNTED_EVERY - 1)] == ["pong"] * (COUNTED_EVERY - 1)
    assert found == []
    says()
    assert found == ["UpdateItem"]
    (item,) = dynamodb.scan(TableName=NOTIFICATIONS_TABLE)["Items"]
    assert item["messages"] == {"N": str(COUNTED_EVERY)}
    assert "expiresAt" in item
