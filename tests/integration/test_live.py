"""Real time on the running stack: who is let in, who may subscribe to what, who is told, and what is caught up."""

import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import batched
from pathlib import Path
from socket import create_connection
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as connect_socket

from tests.harness.client import Client
from tests.harness.people import TICKET, Accounts, OwnTenant, Tenant
from tests.harness.sockets import PATIENCE, Socket, opened, opened_by_a_browser
from tests.harness.stack import Stack
from ticketing.access.permissions import PERMISSIONS, Operation, Relation
from ticketing.access.roles import Role
from ticketing.dynamodb.attributes import to_item
from ticketing.live.limits import COUNTED_EVERY

type Open = Callable[[Client], Socket]

ROOT = Path(__file__).parents[2]
WRONG = "Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl"


@pytest.fixture
def open_for(stack: Stack) -> Iterator[Open]:
    """Open connections with the token of a caller of the API."""
    with ExitStack() as connections:
        yield lambda caller: connections.enter_context(opened(stack, token_of(caller)))


def parameter(name: str) -> int:
    """Return a parameter of the local stack."""
    local = tomllib.loads((ROOT / "samconfig.toml").read_text())["local"]["deploy"]["parameters"]
    return int(dict(each.split("=") for each in local["parameter_overrides"])[name])


def token_of(caller: Client) -> str:
    assert caller.token is not None
    return caller.token


def made(caller: Client, **fields: Any) -> dict[str, Any]:
    """Make a ticket."""
    answer = caller.post("/v1/tickets", json=TICKET | fields, expect=httpx.codes.CREATED)
    ticket: dict[str, Any] = answer.json()
    return ticket


def me(caller: Client) -> dict[str, Any]:
    user: dict[str, Any] = caller.get("/v1/users/me").json()
    return user


def commented(caller: Client, ticket: dict[str, Any], visibility: str) -> str:
    """Comment on a ticket and return the comment's id."""
    answer = caller.post(
        f"/v1/tickets/{ticket['id']}/comments",
        json={"body": "Hm.", "visibility": visibility},
        expect=httpx.codes.CREATED,
    )
    return str(answer.json()["id"])


# --- who is let in ---------------------------------------------------------------------------------------------------


def test_a_browser_and_a_program_are_let_in(stack: Stack) -> None:
    token = stack.token("agent@acme.example")
    with opened_by_a_browser(stack, token) as browser, opened(stack, token) as program:
        assert browser.wire.subprotocol == "ticketing.v1"
        assert program.wire.subprotocol is None
        for socket in (browser, program):
            assert socket.say(action="ping") == {"type": "pong"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": WRONG}, 401),
        ({"Sec-WebSocket-Protocol": f"ticketing.v1, bearer.{WRONG.removeprefix('Bearer ')}"}, 401),
        ({"Sec-WebSocket-Protocol": "ticketing.v2, bearer.{good}"}, 400),
    ],
    ids=["no token", "a bad token", "a bad token of a browser", "another protocol"],
)
def test_others_are_refused(stack: Stack, headers: dict[str, str], status: int) -> None:
    token = stack.token("agent@acme.example")
    prefix = "" if "Sec-WebSocket-Protocol" in headers else "Bearer "
    sent = {name: value.replace("{good}", prefix + token) for name, value in headers.items()}
    with pytest.raises(InvalidStatus) as refused, connect_socket(stack.live_url, additional_headers=sent):
        pass
    assert refused.value.response.status_code == status


@pytest.mark.parametrize("address", ["ws://evil.example/v1/live", "ws://localhost/v1", "ws://localhost/v1/live/x"])
def test_only_one_address_of_this_machine_leads_there(stack: Stack, address: str) -> None:
    headers = {"Authorization": f"Bearer {stack.token('agent@acme.example')}"}
    with (
        create_connection(("127.0.0.1", stack.port)) as way,
        pytest.raises(InvalidStatus) as refused,
        connect_socket(address, sock=way, additional_headers=headers),
    ):
        pass
    assert refused.value.response.status_code == httpx.codes.FORBIDDEN


@pytest.mark.long
def test_a_user_has_as_many_connections_as_allowed(
    stack: Stack, found_tenant: Callable[[], OwnTenant], open_for: Open
) -> None:
    tenant = found_tenant()
    user = me(tenant.admin)
    open_for(tenant.admin)
    key = {"PK": f"TENANT#{tenant.id}#CONNECTIONS", "userId": user["id"], "topics": {}, "expiresAt": 9_999_999_999}
    items = [
        key | {"SK": f"CONNECTION#{user['id']}#{number}", "connectionId": str(number)}
        for number in range(parameter("LiveConnectionsPerUser") - 1)
    ]
    dynamodb, table = stack.client("dynamodb"), stack.outputs["NotificationsTableName"]
    for batch in batched(items, 25, strict=False):
        puts = [{"PutRequest": {"Item": to_item(item)}} for item in batch]
        assert not dynamodb.batch_write_item(RequestItems={table: puts})["UnprocessedItems"]
    with pytest.raises(InvalidStatus) as refused, opened(stack, token_of(tenant.admin)):
        pass
    assert refused.value.response.status_code == httpx.codes.TOO_MANY_REQUESTS
    dynamodb.delete_item(TableName=table, Key=to_item({name: items[0][name] for name in ("PK", "SK")}))
    assert open_for(tenant.admin).say(action="ping") == {"type": "pong"}


@pytest.mark.long
def test_a_user_sends_as_many_messages_as_allowed(
    stack: Stack, found_tenant: Callable[[], OwnTenant], open_for: Open
) -> None:
    tenant = found_tenant()
    user, others = me(tenant.admin), open_for(tenant.join("agent"))
    socket = open_for(tenant.admin)
    most = parameter("LiveMessagesPerMinute")
    dynamodb, table = stack.client("dynamodb"), stack.outputs["NotificationsTableName"]

    def sent(messages: int) -> None:
        """Let the user have sent so many messages, in this minute and the next."""
        for minute in range(2):
            number = int(time.time()) // 60 + minute
            key = {"PK": f"TENANT#{tenant.id}#CONNECTIONS", "SK": f"MESSAGES#{user['id']}#{number}"}
            dynamodb.put_item(TableName=table, Item=to_item(key | {"messages": messages, "expiresAt": 9_999_999_999}))

    sent(most)
    answers = [socket.say(action="ping") for _ in range(2 * COUNTED_EVERY)]
    assert "too_many_requests" in [answer.get("code") for answer in answers]
    assert others.say(action="ping") == {"type": "pong"}
    sent(2 * most)
    with suppress(ConnectionClosed):
        for _ in range(10 * COUNTED_EVERY):  # several execution environments may share them
            socket.wire.send('{"action": "ping"}')
    assert socket.is_closed()
    assert others.say(action="ping") == {"type": "pong"}


def test_a_newcomer_is_refused(stack: Stack, accounts: Accounts) -> None:
    token = accounts.token(accounts.sign_up())
    with pytest.raises(InvalidStatus) as refused, opened(stack, token):
        pass
    assert refused.value.response.status_code == httpx.codes.FORBIDDEN


# --- who may subscribe to what: role x topic, by the table of permissions -------------------------------------------


def test_subscriptions_follow_the_table_of_permissions(
    acme: Tenant, globex: Tenant, connect: Callable[..., Client], open_for: Open
) -> None:
    callers = {"reporter": acme.reporter, "agent": acme.agent, "admin": acme.admin}
    for role in ("reporter", "agent", "admin"):
        key = acme.admin.post("/v1/api-keys", json={"name": "Live", "role": role}).json()["key"]
        callers[f"{role}'s key"] = connect(token=key)
    others, foreign = made(acme.admin)["id"], made(globex.admin)["id"]
    refused = []
    for name, caller in callers.items():
        role, own, socket = Role(name.removesuffix("'s key")), made(caller)["id"], open_for(caller)
        one, many = PERMISSIONS[Operation.GET_TICKET][role], PERMISSIONS[Operation.LIST_TICKETS][role]
        cases: list[tuple[dict[str, str], str | None]] = [
            ({"topic": "mine"}, None),
            ({"topic": "queue"}, None if Relation.ANY in many else "forbidden"),
            ({"topic": "ticket", "ticketId": own}, None if Relation.OWN in one else "ticket_not_found"),
            ({"topic": "ticket", "ticketId": others}, None if Relation.ANY in one else "ticket_not_found"),
            ({"topic": "ticket", "ticketId": foreign}, "ticket_not_found"),
            ({"topic": "ticket", "ticketId": str(uuid4())}, "ticket_not_found"),
        ]
        for topic, code in cases:
            answer = socket.say(action="subscribe", **topic)
            if answer.get("code") != code or (code is None and answer != {"type": "subscribed"} | topic):
                refused.append((name, topic, answer))
    assert refused == []


# --- who is told -----------------------------------------------------------------------------------------------------


def test_who_subscribed_is_told_of_the_change_as_it_was(acme: Tenant, open_for: Open) -> None:
    agent, reporter = open_for(acme.agent), open_for(acme.reporter)
    agent.say(action="subscribe", topic="queue")
    reporter.say(action="subscribe", topic="mine")
    ticket = made(acme.reporter)
    acme.agent.post(f"/v1/tickets/{ticket['id']}/transitions", json={"to": "OPEN"})
    history = acme.agent.get(f"/v1/tickets/{ticket['id']}/history").json()
    for socket in (agent, reporter):
        for version, item in enumerate(history, start=1):
            event = socket.event_of(ticket["id"], version)
            assert (event["id"], event["type"], event["actor"]) == (item["id"], item["type"], item["actor"])
            assert event["ticket"]["title"] == ticket["title"]


def test_what_is_internal_is_told_to_no_reporter(acme: Tenant, open_for: Open) -> None:
    ticket = made(acme.reporter)
    agent, reporter = open_for(acme.agent), open_for(acme.reporter)
    for socket in (agent, reporter):
        socket.say(action="subscribe", topic="ticket", ticketId=ticket["id"])
        socket.say(action="subscribe", topic="mine")
    internal = commented(acme.agent, ticket, "internal")
    assert agent.event_of_comment(internal)["visibility"] == "internal"
    public = reporter.event_of_comment(commented(acme.agent, ticket, "public"))
    reporter.say(action="catchUp", after=public["id"])
    assert internal not in {event.get("commentId") for event in reporter.told}


def test_other_tenants_and_other_reporters_are_told_nothing(
    acme: Tenant, globex: Tenant, found_tenant: Callable[[], OwnTenant], open_for: Open
) -> None:
    tenant = found_tenant()
    one, other = tenant.join("reporter"), tenant.join("reporter")
    sockets = [open_for(caller) for caller in (globex.admin, acme.admin, other)]
    for socket in sockets:
        socket.say(action="subscribe", topic="queue")
        socket.say(action="subscribe", topic="mine")
    admin = open_for(tenant.admin)
    admin.say(action="subscribe", topic="queue")
    secret = made(one)["id"]
    last = admin.event_of(secret)["id"]
    for caller, socket in zip((globex.admin, acme.admin, other), sockets, strict=True):
        socket.event_of(made(caller)["id"])  # whatever came before would be here by now
        assert socket.say(action="catchUp", after=last)["type"] in {"caughtUp", "error"}
        assert secret not in {event["ticketId"] for event in socket.told}


def test_whoever_is_deactivated_is_told_nothing_and_closed(
    found_tenant: Callable[[], OwnTenant], open_for: Open
) -> None:
    tenant = found_tenant()
    agent = tenant.join("agent")
    socket = open_for(agent)
    socket.say(action="subscribe", topic="queue")
    assert tenant.admin.delete(f"/v1/users/{me(agent)['id']}").is_success
    made(tenant.admin)
    assert socket.is_closed()
    assert socket.told == []


def test_gone_connections_are_removed(stack: Stack, acme: Tenant, open_for: Open) -> None:
    dynamodb, table = stack.client("dynamodb"), stack.outputs["NotificationsTableName"]
    user = me(acme.agent)
    key = to_item({"PK": f"TENANT#{user['tenantId']}#CONNECTIONS", "SK": f"CONNECTION#{user['id']}#gone"})
    rest = to_item({"connectionId": "gone", "userId": user["id"], "topics": {"queue": True}})
    dynamodb.put_item(TableName=table, Item=key | rest)
    socket = open_for(acme.agent)
    socket.say(action="subscribe", topic="queue")
    socket.event_of(made(acme.agent)["id"])
    deadline = time.monotonic() + PATIENCE
    while "Item" in dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_closed_connection_leaves_nothing_behind(stack: Stack, found_tenant: Callable[[], OwnTenant]) -> None:
    tenant = found_tenant()
    query = {
        "TableName": stack.outputs["NotificationsTableName"],
        "KeyConditionExpression": "PK = :pk AND begins_with(SK, :connections)",
        "ExpressionAttributeValues": to_item({":pk": f"TENANT#{tenant.id}#CONNECTIONS", ":connections": "CONNECTION#"}),
    }
    with opened(stack, token_of(tenant.admin)) as socket:
        assert socket.say(action="ping") == {"type": "pong"}
        assert stack.client("dynamodb").query(**query)["Count"] == 1
    deadline = time.monotonic() + PATIENCE
    while stack.client("dynamodb").query(**query)["Count"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


# --- what was missed -------------------------------------------------------------------------------------------------


def test_who_was_away_asks_for_what_was_missed(stack: Stack, acme: Tenant, open_for: Open) -> None:
    with opened(stack, token_of(acme.agent)) as socket:
        socket.say(action="subscribe", topic="queue")
        last = socket.event_of(made(acme.reporter)["id"])["id"]
    missed = [made(acme.reporter)["id"] for _ in range(3)]
    other = open_for(acme.admin)
    other.say(action="subscribe", topic="queue")
    other.event_of(made(acme.reporter)["id"])
    back = open_for(acme.agent)
    assert back.say(action="catchUp", after=last)["events"] == 0  # nothing is subscribed to yet
    back.say(action="subscribe", topic="queue")
    deadline = time.monotonic() + PATIENCE
    while not set(missed) <= {event["ticketId"] for event in back.told}:
        answer = back.say(action="catchUp", after=last)
        assert (answer["type"], answer["complete"]) == ("caughtUp", True)
        assert time.monotonic() < deadline
    assert back.say(action="catchUp", after=str(uuid4()))["code"] == "event_not_found"


# --- bad messages over the wire (all of them: tests/unit/live/test_operations.py) ------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("hello", "bad_request"),
        ("", "bad_request"),
        ("[]", "bad_request"),
        ('{"action": "ping", "colour": 1}', "bad_request"),
        ('{"action": "ping", "x": "' + "x" * 5_000 + '"}', "payload_too_large"),
        ('{"action": "subscribe", "topic": "ticket", "ticketId": "../queue"}', "bad_request"),
    ],
)
def test_a_bad_message_has_its_error_and_the_connection_stays(
    acme: Tenant, open_for: Open, text: str, code: str
) -> None:
    socket = open_for(acme.agent)
    answer = socket.say(text)
    assert (answer["type"], answer["code"]) == ("error", code)
    assert answer["requestId"]
    assert socket.say(action="ping") == {"type": "pong"}
