"""A connection's life: opened, spoken on, closed; each message with its answer, each bad one with its error."""

import json
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from functions.live import connect, disconnect, receive_message
from tests.unit.conftest import Clock
from tests.unit.live.support import CONNECTION, Gateway, commented, connection, live_event, updated
from tests.unit.support import (
    ADMIN,
    AGENT,
    MOMENT,
    OTHER_REPORTER,
    REPORTER,
    REQUEST_ID,
    STRANGER,
    TICKET_ID,
    Context,
    a_ticket,
    data_of,
    put_user,
    stored,
)
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.aws.data import of_tenant
from ticketing.live import feed as feed_module
from ticketing.live import operations
from ticketing.live.connections import MOST_TOPICS, Connections
from ticketing.live.feed import Feed
from ticketing.live.messages import LARGEST, LONGEST
from ticketing.live.topics import of_ticket
from ticketing.tickets.kinds import Visibility
from ticketing.users.repository import UserRepository

OPENED = connection(CONNECTION, AGENT)
OFFERED = {"Sec-WebSocket-Protocol": "ticketing.v1, bearer.secret.token.text"}


def say(message: Any, caller: Caller = AGENT, **rest: Any) -> dict[str, Any]:
    """Send a message on the connection and return the answer."""
    answer = receive_message.handler(live_event(message, caller=caller, **rest), Context())
    assert answer["statusCode"] == 200
    said: dict[str, Any] = json.loads(answer["body"])
    return said


@pytest.fixture
def opened(connections: Connections) -> Connections:
    """The connection is AGENT's and has no topics."""
    connections.open(OPENED)
    return connections


# --- opening and closing ---------------------------------------------------------------------------------------------


def test_a_browser_is_told_which_subprotocol_it_is(connections: Connections) -> None:
    answer = connect.handler(live_event(headers=OFFERED, until=1_900_000_000), Context())
    assert answer == {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "ticketing.v1"}}
    assert list(connections.all()) == [connection(CONNECTION, AGENT, until=1_900_000_000)]


def test_a_program_needs_no_subprotocol(connections: Connections) -> None:
    answer = connect.handler(live_event(headers={"Authorization": "Bearer secret.token.text"}), Context())
    assert answer == {"statusCode": 200, "headers": {}}
    assert list(connections.all()) == [connection(CONNECTION, AGENT)]


def test_another_subprotocol_is_refused(connections: Connections) -> None:
    headers = {"sec-websocket-protocol": "ticketing.v2, bearer.secret.token.text"}
    assert connect.handler(live_event(headers=headers), Context()) == {"statusCode": 400}
    assert list(connections.all()) == []


def test_without_an_authorizer_nobody_is_let_in(connections: Connections) -> None:
    assert connect.handler(live_event(caller=None), Context()) == {"statusCode": 401}
    assert list(connections.all()) == []


@pytest.mark.usefixtures("connections")
def test_a_connection_that_can_not_be_kept_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFICATIONS_TABLE", "missing")
    assert connect.handler(live_event(), Context())["statusCode"] == 500


def test_a_closed_connection_is_forgotten(opened: Connections) -> None:
    assert disconnect.handler(live_event(), Context()) == {"statusCode": 200}
    assert list(opened.all()) == []


@pytest.mark.usefixtures("opened")
def test_no_log_holds_the_token_or_what_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    connect.handler(live_event(headers=OFFERED), Context())
    say({"action": "secret", "more": "secret"})
    assert "secret" not in "".join(capsys.readouterr())


# --- subscribing -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("caller", "topic", "code"),
    [
        (AGENT, {"topic": "queue"}, None),
        (ADMIN, {"topic": "queue"}, None),
        (REPORTER, {"topic": "queue"}, "forbidden"),
        (AGENT, {"topic": "mine"}, None),
        (REPORTER, {"topic": "mine"}, None),
        (AGENT, {"topic": "ticket", "ticketId": TICKET_ID}, None),
        (REPORTER, {"topic": "ticket", "ticketId": TICKET_ID.upper()}, None),
        (OTHER_REPORTER, {"topic": "ticket", "ticketId": TICKET_ID}, "ticket_not_found"),
        (STRANGER, {"topic": "ticket", "ticketId": TICKET_ID}, "ticket_not_found"),
        (ADMIN, {"topic": "ticket", "ticketId": ADMIN.user_id}, "ticket_not_found"),
    ],
)
def test_who_may_subscribe_to_what(
    dynamodb: DynamoDBClient, caller: Caller, topic: dict[str, str], code: str | None
) -> None:
    put_user(dynamodb, STRANGER)
    theirs = Connections(data_of(dynamodb, caller.tenant_id))
    theirs.open(connection(CONNECTION, caller))
    stored(dynamodb, a_ticket())
    answer = say({"action": "subscribe"} | topic, caller)
    if code is None:
        normal = {name: value.lower() for name, value in topic.items()}
        assert answer == {"type": "subscribed"} | normal
        assert len(theirs.topics(connection(CONNECTION, caller))) == 1
    else:
        assert (answer["type"], answer["code"], answer["requestId"]) == ("error", code, REQUEST_ID)
        assert theirs.topics(connection(CONNECTION, caller)) == set()


def test_unsubscribing_is_open_to_everybody(opened: Connections) -> None:
    opened.subscribe(OPENED, of_ticket(TICKET_ID))
    answer = say({"action": "unsubscribe", "topic": "ticket", "ticketId": TICKET_ID})
    assert answer == {"type": "unsubscribed", "topic": "ticket", "ticketId": TICKET_ID}
    assert opened.topics(OPENED) == set()


@pytest.mark.usefixtures("opened")
def test_whoever_was_demoted_subscribes_as_what_they_are(dynamodb: DynamoDBClient) -> None:
    put_user(dynamodb, Caller(AGENT.user_id, "acme", Role.REPORTER))
    assert say({"action": "subscribe", "topic": "queue"})["code"] == "forbidden"


def test_the_51st_topic_is_refused(opened: Connections) -> None:
    for number in range(MOST_TOPICS):
        opened.subscribe(OPENED, f"ticket#{number}")
    assert say({"action": "subscribe", "topic": "queue"})["code"] == "bad_request"


@pytest.mark.usefixtures("opened")
def test_ping() -> None:
    assert say({"action": "ping"}) == {"type": "pong"}


# --- bad messages ----------------------------------------------------------------------------------------------------

BAD: dict[str, tuple[Any, str, str]] = {
    "no JSON": ("subscribe", "bad_request", "body: Invalid JSON"),
    "nothing": ("", "bad_request", "body: Invalid JSON"),
    "a number no JSON has": ("NaN", "bad_request", ""),
    "half a surrogate": ('{"action": "\ud800"}', "bad_request", ""),
    "a list": ([], "bad_request", "action: must be one of subscribe, unsubscribe, catchUp, ping"),
    "no action": ({}, "bad_request", "action: must be one of"),
    "an unknown action": ({"action": "delete"}, "bad_request", "action: must be one of"),
    "an action that is no text": ({"action": {}}, "bad_request", "action: must be one of"),
    "an unknown field": ({"action": "ping", "x": 1}, "bad_request", "x: unknown field"),
    "an inside name": (
        {"action": "subscribe", "topic": "ticket", "ticket_id": TICKET_ID},
        "bad_request",
        "ticket_id: unknown field",
    ),
    "no topic": ({"action": "subscribe"}, "bad_request", "topic: is missing"),
    "an unknown topic": ({"action": "subscribe", "topic": "all"}, "bad_request", "topic: must be one of"),
    "a ticket without its id": ({"action": "subscribe", "topic": "ticket"}, "bad_request", "ticketId goes with"),
    "an id without a ticket": (
        {"action": "unsubscribe", "topic": "mine", "ticketId": TICKET_ID},
        "bad_request",
        "ticketId goes with",
    ),
    "an id that is none": (
        {"action": "subscribe", "topic": "ticket", "ticketId": "1#TICKET"},
        "bad_request",
        "ticketId: must be a UUID",
    ),
    "an event's id that is none": ({"action": "catchUp", "after": "last"}, "bad_request", "after: must be a UUID"),
    "over 4 KB": ({"action": "ping", "x": "x" * LONGEST}, "payload_too_large", ""),
    "an event that never was": ({"action": "catchUp", "after": TICKET_ID}, "event_not_found", ""),
}


@pytest.mark.parametrize(("message", "code", "detail"), BAD.values(), ids=BAD)
def test_a_bad_message_has_its_error_and_changes_nothing(
    opened: Connections, gateway: Gateway, message: Any, code: str, detail: str
) -> None:
    opened.subscribe(OPENED, "mine")
    answer = say(message)
    assert (answer["type"], answer["code"], answer["requestId"]) == ("error", code, REQUEST_ID)
    assert detail in " ".join(answer.get("details", [])), answer
    assert opened.topics(OPENED) == {"mine"}
    assert gateway.closed == []


# --- whose connection is over ----------------------------------------------------------------------------------------


def over(message: Any, **rest: Any) -> None:
    assert receive_message.handler(live_event(message, **rest), Context()) == {"statusCode": 200}


@pytest.mark.usefixtures("opened")
def test_a_connection_is_closed_when_its_token_has_expired(gateway: Gateway, time: Clock) -> None:
    end = int(MOMENT.timestamp())
    time.forward(seconds=-1)
    assert say({"action": "ping"}, until=end) == {"type": "pong"}
    time.forward(seconds=1)
    over({"action": "ping"}, until=end)
    assert [message["code"] for message in gateway.told[CONNECTION]] == ["unauthorized"]
    assert gateway.closed == [CONNECTION]


@pytest.mark.usefixtures("opened")
def test_a_connection_is_closed_when_its_user_signed_out_everywhere(gateway: Gateway, time: Clock) -> None:
    issued = int(time.now.timestamp())
    UserRepository(of_tenant("acme")).end_tokens(AGENT.user_id, valid_from=issued)
    assert say({"action": "ping"}, issued=issued) == {"type": "pong"}
    UserRepository(of_tenant("acme")).end_tokens(AGENT.user_id, valid_from=issued + 1)
    time.forward(seconds=60)
    over({"action": "ping"}, issued=issued)
    assert [message["code"] for message in gateway.told[CONNECTION]] == ["unauthorized"]
    assert gateway.closed == [CONNECTION]


def test_a_connection_is_closed_when_its_user_is_deactivated(
    opened: Connections, gateway: Gateway, dynamodb: DynamoDBClient, time: Clock
) -> None:
    assert say({"action": "ping"}) == {"type": "pong"}
    put_user(dynamodb, AGENT, active=False)
    time.forward(seconds=60)
    over({"action": "subscribe", "topic": "queue"})
    assert gateway.closed == [CONNECTION]
    assert opened.topics(OPENED) == set()


@pytest.mark.usefixtures("connections")
def test_a_connection_that_is_not_known_is_closed(gateway: Gateway) -> None:
    over({"action": "subscribe", "topic": "queue"})
    assert gateway.closed == [CONNECTION]


# --- catching up -----------------------------------------------------------------------------------------------------


def caught_up(after: str, caller: Caller, gateway: Gateway) -> tuple[list[str], dict[str, Any]]:
    """Catch up and return the ids of the events that were sent, and the answer."""
    gateway.told.clear()
    answer = say({"action": "catchUp", "after": after}, caller)
    return [event["id"] for message in gateway.told.get(CONNECTION, []) for event in message["events"]], answer


def test_what_was_missed_is_told_as_it_would_have_been(opened: Connections, feed: Feed, gateway: Gateway) -> None:
    own, others, internal = updated(), updated(reporter=OTHER_REPORTER.user_id), commented(Visibility.INTERNAL)
    for event in (own, others, internal):
        feed.add(event)
    opened.subscribe(OPENED, "queue")
    expected = {AGENT: {own.id, others.id, internal.id}, REPORTER: {own.id}, OTHER_REPORTER: {others.id}}
    for caller, ids in expected.items():
        theirs = connection(CONNECTION, caller)
        opened.open(theirs)
        for topic in ("mine", "queue", of_ticket(own.ticket_id)):
            opened.subscribe(theirs, topic)
        told, answer = caught_up(own.id, caller, gateway)
        assert set(told) == ids
        assert answer == {"type": "caughtUp", "after": own.id, "events": len(ids), "complete": True}


@pytest.mark.usefixtures("opened")
def test_what_was_not_subscribed_to_is_not_told(feed: Feed, gateway: Gateway) -> None:
    event = updated()
    feed.add(event)
    assert caught_up(event.id, AGENT, gateway)[0] == []


@pytest.mark.parametrize(("module", "limit"), [(operations, "MOST_SENT"), (operations, "MOST_READ")])
def test_what_is_too_much_says_so(  # noqa: PLR0917
    opened: Connections, feed: Feed, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, module: Any, limit: str
) -> None:
    opened.subscribe(OPENED, "queue")
    events = [updated() for _ in range(4)]
    for event in events:
        feed.add(event)
    monkeypatch.setattr(module, limit, 3)
    monkeypatch.setattr(feed_module, "MOST_READ", 3)
    told, answer = caught_up(events[0].id, AGENT, gateway)
    assert len(told) == 3
    assert answer["complete"] is False


def test_reporters_learn_nothing_of_how_much_happens_to_others(
    opened: Connections, feed: Feed, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "MOST_READ", 3)
    monkeypatch.setattr(operations, "MOST_READ", 3)
    theirs = connection(CONNECTION, REPORTER)
    opened.open(theirs)
    opened.subscribe(theirs, "mine")
    first, last = updated(), updated()
    feed.add(first)
    for _ in range(5):
        feed.add(updated(reporter=OTHER_REPORTER.user_id))
        feed.add(commented(Visibility.INTERNAL))
    feed.add(last)
    told, answer = caught_up(first.id, REPORTER, gateway)
    assert set(told) == {first.id, last.id}
    assert answer["complete"] is True


def test_messages_are_no_larger_than_they_may_be(opened: Connections, feed: Feed, gateway: Gateway) -> None:
    opened.subscribe(OPENED, "queue")
    events = [updated().model_copy(update={"comment": "x" * 9_000}) for _ in range(30)]
    for event in events:
        feed.add(event)
    told, _ = caught_up(events[0].id, AGENT, gateway)
    assert sorted(told) == sorted(event.id for event in events)
    sizes = [len(json.dumps(message).encode()) for message in gateway.told[CONNECTION]]
    assert len(sizes) == 3
    assert max(sizes) <= LARGEST + 5_000  # the spaces of json.dumps


def test_what_can_not_be_sent_is_an_error_and_not_complete(opened: Connections, feed: Feed, gateway: Gateway) -> None:
    opened.subscribe(OPENED, "queue")
    event = updated()
    feed.add(event)
    gateway.failures[CONNECTION] = [500]
    assert say({"action": "catchUp", "after": event.id})["code"] == "service_unavailable"
