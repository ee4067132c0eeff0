"""Telling an event: to whom, once, and what happens when some can't be told."""

import json
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from mypy_boto3_dynamodb import DynamoDBClient

from functions.live import push_event
from tests.unit.conftest import Clock
from tests.unit.live.support import CONNECTION, Gateway, commented, connection, updated
from tests.unit.support import (
    ADMIN,
    AGENT,
    OTHER_REPORTER,
    REPORTER,
    STRANGER,
    TICKET_ID,
    Context,
    data_of,
    put_user,
)
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.aws.data import of_tenant
from ticketing.events.publishing import entry_of
from ticketing.live.connections import Connections
from ticketing.live.messages import LARGEST
from ticketing.live.topics import of_ticket
from ticketing.tickets.events import Change, TicketEvent
from ticketing.tickets.kinds import Visibility
from ticketing.users.repository import UserRepository

TICKET = of_ticket(TICKET_ID)


def push(*events: TicketEvent) -> list[str]:
    """Hand events to the function as the queue does; return the ids of those that have to come again."""
    records = [
        {
            "messageId": event.id,
            "body": json.dumps({"detail-type": event.type, "detail": json.loads(entry_of(event, "bus")["Detail"])}),
        }
        for event in events
    ]
    failed = push_event.handler({"Records": records}, Context())["batchItemFailures"]
    return [each["itemIdentifier"] for each in failed]


def subscribe(connections: Connections, name: str, caller: Caller, *topics: str, until: int | None = None) -> None:
    opened = connection(name, caller, until=until)
    connections.open(opened)
    for topic in topics:
        connections.subscribe(opened, topic)


def told(gateway: Gateway, name: str) -> list[str]:
    """Return the ids of the events that a connection was told."""
    return [message["event"]["id"] for message in gateway.told.get(name, [])]


def test_who_has_subscribed_and_may_see_it_is_told(connections: Connections, gateway: Gateway) -> None:
    subscribe(connections, "agent, queue", AGENT, "queue")
    subscribe(connections, "agent, ticket", AGENT, TICKET)
    subscribe(connections, "agent, mine", AGENT, "mine")
    subscribe(connections, "agent, nothing", AGENT)
    subscribe(connections, "agent, another ticket", AGENT, of_ticket("another"))
    subscribe(connections, "reporter, mine", REPORTER, "mine")
    subscribe(connections, "reporter, all", REPORTER, "mine", TICKET, "queue")
    subscribe(connections, "other reporter", OTHER_REPORTER, "mine", TICKET, "queue")
    event = updated()
    assert push(event) == []
    expected = {"agent, queue", "agent, ticket", "reporter, mine", "reporter, all"}
    assert {name: told(gateway, name) for name in gateway.told} == {name: [event.id] for name in expected}


def test_the_message_is_the_event_as_it_was_on_the_bus(connections: Connections, gateway: Gateway) -> None:
    subscribe(connections, CONNECTION, AGENT, "queue")
    event = commented(Visibility.PUBLIC)
    push(event)
    assert gateway.told[CONNECTION] == [{"type": "event", "event": json.loads(entry_of(event, "bus")["Detail"])}]


def test_internal_comments_are_told_to_agents_and_admins_alone(connections: Connections, gateway: Gateway) -> None:
    for caller in (REPORTER, AGENT, ADMIN):
        subscribe(connections, caller.role, caller, "mine", TICKET, "queue")
    push(commented(Visibility.INTERNAL))
    assert gateway.told.keys() == {"agent", "admin"}


def test_other_tenants_are_told_nothing(gateway: Gateway, dynamodb: DynamoDBClient) -> None:
    put_user(dynamodb, STRANGER)
    subscribe(Connections(data_of(dynamodb, "globex")), "globex", STRANGER, "queue", TICKET)
    push(updated())
    assert gateway.told == {}


def test_whoever_is_deactivated_is_told_nothing_after_a_minute(
    connections: Connections, gateway: Gateway, dynamodb: DynamoDBClient, time: Clock
) -> None:
    subscribe(connections, CONNECTION, AGENT, "queue")
    push(updated())
    put_user(dynamodb, AGENT, active=False)
    time.forward(seconds=60)
    push(updated())
    assert len(gateway.told[CONNECTION]) == 1
    assert gateway.closed == [CONNECTION]
    assert list(connections.all()) == []


def test_whoever_is_demoted_is_told_their_own_alone_after_a_minute(
    connections: Connections, gateway: Gateway, dynamodb: DynamoDBClient, time: Clock
) -> None:
    subscribe(connections, CONNECTION, AGENT, "queue", TICKET)
    push(updated())
    put_user(dynamodb, Caller(AGENT.user_id, "acme", Role.REPORTER))
    time.forward(seconds=60)
    own = updated(reporter=AGENT.user_id)
    push(updated(), own)
    assert told(gateway, CONNECTION)[1:] == [own.id]


def test_a_connection_is_told_nothing_when_its_token_has_expired(
    connections: Connections, gateway: Gateway, time: Clock
) -> None:
    subscribe(connections, CONNECTION, AGENT, "queue", until=int(time.now.timestamp()) + 60)
    push(updated())
    time.forward(seconds=60)
    push(updated())
    assert len(gateway.told[CONNECTION]) == 1
    assert gateway.closed == [CONNECTION]
    assert list(connections.all()) == []


def test_a_connection_is_told_nothing_a_minute_after_its_user_signed_out_everywhere(
    connections: Connections, gateway: Gateway, time: Clock
) -> None:
    issued = int(time.now.timestamp())
    UserRepository(of_tenant("acme")).end_tokens(AGENT.user_id, valid_from=issued)
    for name, since in (("old", issued), ("new", issued + 1)):
        opened = connection(name, AGENT, issued=since)
        connections.open(opened)
        connections.subscribe(opened, "queue")
    push(updated())
    UserRepository(of_tenant("acme")).end_tokens(AGENT.user_id, valid_from=issued + 1)
    time.forward(seconds=60)
    push(updated())
    assert {name: len(told(gateway, name)) for name in ("old", "new")} == {"old": 1, "new": 2}
    assert gateway.closed == ["old"]


def test_an_event_is_told_once_however_often_it_comes(connections: Connections, gateway: Gateway) -> None:
    subscribe(connections, CONNECTION, AGENT, "queue")
    first, second = updated(), updated()
    assert push(first, second, first) == []
    assert push(second, first) == []
    assert sorted(told(gateway, CONNECTION)) == sorted([first.id, second.id])


def test_gone_connections_are_removed(connections: Connections, gateway: Gateway) -> None:
    subscribe(connections, "here", AGENT, "queue")
    subscribe(connections, "gone", AGENT, "queue")
    gateway.gone.add("gone")
    event = updated()
    assert push(event) == []
    assert told(gateway, "here") == [event.id]
    assert [each.id for each in connections.all()] == ["here"]


@pytest.mark.parametrize("failure", [429, 500, ReadTimeoutError(endpoint_url="https://live")], ids=str)
def test_a_post_that_fails_is_tried_again(connections: Connections, gateway: Gateway, failure: int | Exception) -> None:
    subscribe(connections, CONNECTION, AGENT, "queue")
    gateway.failures[CONNECTION] = [failure, failure]
    event = updated()
    assert push(event) == []
    assert told(gateway, CONNECTION) == [event.id]


def test_only_who_was_not_told_is_told_when_the_event_comes_again(connections: Connections, gateway: Gateway) -> None:
    for name in ("a", "b", "c"):
        subscribe(connections, name, AGENT, "queue")
    gateway.failures["b"] = [500, 500, 500, 500]
    event, other = updated(), updated()
    assert push(event, other) == [event.id]
    assert gateway.tries == {"a": 2, "b": 5, "c": 2}
    assert push(event) == []
    assert gateway.tries == {"a": 2, "b": 6, "c": 2}
    assert sorted(told(gateway, "b")) == sorted([event.id, other.id])


def test_who_connects_in_between_is_not_told_what_is_repeated(connections: Connections, gateway: Gateway) -> None:
    """They have asked for what they missed, or did not know of it."""
    subscribe(connections, "a", AGENT, "queue")
    gateway.failures["a"] = [500, 500, 500, 500]
    event = updated()
    push(event)
    subscribe(connections, "b", AGENT, "queue")
    assert push(event) == []
    assert gateway.told.keys() == {"a"}


def test_what_is_no_event_comes_again_and_holds_up_no_other(connections: Connections, gateway: Gateway) -> None:
    subscribe(connections, CONNECTION, AGENT, "queue")
    good = updated()
    bodies = {"a": "{}", "b": "no json", "c": json.dumps({"detail": {"id": "x"}})}
    records = [{"messageId": name, "body": body} for name, body in bodies.items()]
    records.append({"messageId": "d", "body": json.dumps({"detail": json.loads(entry_of(good, "bus")["Detail"])})})
    answer = push_event.handler({"Records": records}, Context())
    assert [each["itemIdentifier"] for each in answer["batchItemFailures"]] == ["a", "b", "c"]
    assert told(gateway, CONNECTION) == [good.id]


def test_texts_that_do_not_fit_into_a_message_are_cut(connections: Connections, gateway: Gateway) -> None:
    subscribe(connections, CONNECTION, AGENT, "queue")
    longest = Change(before="\N{PILE OF POO}" * 10_000, after="\N{PILE OF POO}" * 9_999)
    push(updated(description=longest, resolution=longest))
    (message,) = gateway.told[CONNECTION]
    assert len(json.dumps(message, ensure_ascii=False).encode()) <= LARGEST
    assert message["event"]["truncated"] == ["description", "resolution"]


def test_the_metrics_say_how_it_went(
    connections: Connections, gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b", "c", "d"):
        subscribe(connections, name, AGENT, "queue")
    gateway.gone.add("b")
    gateway.failures["c"] = [500, 500, 500, 500]
    push(updated())
    lines: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    (metrics,) = [line for line in lines if "EventsPushed" in line]
    assert (metrics["EventsPushed"], metrics["GoneConnections"], metrics["PushesFailed"]) == ([2], [1], [1])
