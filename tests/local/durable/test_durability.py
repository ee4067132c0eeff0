"""What was acknowledged with 2xx is there after `kill -9` of every local process."""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.start import processor_time_of_children
from tests.harness.client import Client
from tests.harness.people import signed_in
from tests.harness.sockets import opened
from tests.harness.stack import Stack, launch

WRITERS = 4
WRITES_EACH = 20
TICKET = {"title": "Printer on fire", "description": "Third floor."}


@dataclass
class Acknowledged:
    """The newest state of each ticket that a 2xx answer has told of."""

    tickets: dict[str, dict[str, Any]] = field(default_factory=dict)
    writes: int = 0

    def note(self, response: httpx.Response) -> dict[str, Any] | None:
        if not response.is_success:
            return None
        ticket: dict[str, Any] = response.json()
        self.tickets[ticket["id"]] = ticket
        self.writes += 1
        return ticket


def write_until_killed(base_url: str, token: str, seen: Acknowledged) -> None:
    """Create tickets, change and move them, one call after the other, until nobody answers."""
    with Client(base_url, token=token) as api:
        try:
            while True:
                ticket = seen.note(api.post("/v1/tickets", json=TICKET))
                if ticket is not None:
                    seen.note(api.patch(f"/v1/tickets/{ticket['id']}", json={"title": f"Changed {seen.writes}"}))
                    seen.note(api.post(f"/v1/tickets/{ticket['id']}/transitions", json={"to": "OPEN"}))
        except httpx.TransportError:
            return


def processes_of(pid: int) -> list[int]:
    """The process, its children and theirs."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.parent.name)] = int(fields[1])
    return [pid, *(each for child, parent in parents.items() if parent == pid for each in processes_of(child))]


def kill_everything(running: Stack) -> None:
    for pid in processes_of(running.process.pid):
        with suppress(ProcessLookupError):  # the others end by themselves when the emulator has gone
            os.kill(pid, signal.SIGKILL)
    running.process.wait()


@pytest.mark.long
def test_acknowledged_writes_survive_kill_9_under_load(start: Callable[..., Stack]) -> None:
    """So do users, who are Cognito's, too, and API keys, which are API Gateway's."""
    first = start()
    pool, cognito = first.outputs["UserPoolId"], first.client("cognito-idp")
    late = cognito.admin_create_user(UserPoolId=pool, Username="late@acme.example", MessageAction="SUPPRESS")
    # `sub` among them: the tickets of before are still this user's.
    agent = cognito.admin_get_user(UserPoolId=pool, Username="agent@acme.example")["UserAttributes"]
    with signed_in(first, "admin@acme.example") as admin:
        user = admin.create("/v1/users", {"email": "kept@acme.example", "role": "agent"})
        key = admin.create("/v1/api-keys", {"name": "Kept", "role": "agent"})
    token = first.token("agent@acme.example")
    seen = [Acknowledged() for _ in range(WRITERS)]
    writers = [threading.Thread(target=write_until_killed, args=(first.base_url, token, one)) for one in seen]
    for writer in writers:
        writer.start()
    # Long enough that every writer is past its cold starts.
    deadline = time.monotonic() + 60
    while min(one.writes for one in seen) < WRITES_EACH and time.monotonic() < deadline:
        time.sleep(0.05)
    kill_everything(first)
    for writer in writers:
        writer.join()
    assert min(one.writes for one in seen) >= WRITES_EACH
    # The last line may be half written when the process dies; that one was not acknowledged.
    with (first.state / "items.journal").open("a") as journal:
        journal.write('[["half a li')

    second = start(port=first.port, aws_port=first.aws_port)

    with Client(second.base_url, token=token) as api:
        for ticket_id, ticket in ((key, value) for one in seen for key, value in one.tickets.items()):
            found = api.get(f"/v1/tickets/{ticket_id}").json()
            # A write that nobody was told of may have been the last one.
            assert found["version"] - ticket["version"] in {0, 1}
            if found["version"] == ticket["version"]:
                assert found == ticket
            events = api.get(f"/v1/tickets/{ticket_id}/history").json()
            assert [event["version"] for event in events] == list(range(1, found["version"] + 1))
        # Work goes on where it stopped: numbers are not given twice.
        number = api.post("/v1/tickets", json=TICKET).json()["number"]
    assert number > max(ticket["number"] for one in seen for ticket in one.tickets.values())

    cognito = second.client("cognito-idp")
    attributes = {
        name: cognito.admin_get_user(UserPoolId=pool, Username=f"{name}@acme.example")["UserAttributes"]
        for name in ("late", "agent")
    }
    assert attributes == {"late": late["User"]["Attributes"], "agent": agent}
    with Client(second.base_url, token=key["key"]) as api:
        assert api.get(f"/v1/users/{user['id']}").json() == user
        assert api.get("/v1/tenant").status_code == 200
    assert "demo users made" not in second.log.read_text()


@pytest.mark.long
def test_second_start_is_quick_and_has_the_data(start: Callable[..., Stack]) -> None:
    first = start()
    agent = signed_in(first, "agent@acme.example")
    made = agent.post("/v1/tickets", json=TICKET, expect=201)
    assert first.stop() == 0

    before = processor_time_of_children()
    second = start(port=first.port, aws_port=first.aws_port)  # on another port, the links in mails would be others
    found = agent.get(f"{second.base_url}{made.headers['Location']}")

    assert found.json() == made.json()
    assert "sam deploy" not in second.log.read_text()

    with opened(second, second.token("agent@acme.example")) as socket:
        socket.say(action="subscribe", topic="queue")
        after = agent.create(f"{second.base_url}/v1/tickets", TICKET)
        socket.event_of(after["id"])  # the first event of this process is none that the last one had dealt with
    assert second.stop() == 0
    assert processor_time_of_children() - before < 15, "what else the machine does is not counted"


@pytest.mark.long
def test_without_durability_a_clean_stop_keeps_the_data(start: Callable[..., Stack]) -> None:
    first = start(LOCAL_DURABLE="0")
    agent = signed_in(first, "agent@acme.example")
    made = agent.post("/v1/tickets", json=TICKET, expect=201)
    assert first.stop() == 0

    second = start(LOCAL_DURABLE="0")

    assert agent.get(f"{second.base_url}{made.headers['Location']}").json() == made.json()


def test_a_lost_table_is_no_reason_to_forget_its_items(own_state: Path) -> None:
    """A snapshot that can't be read stops the start; the journal is left as it is."""
    (own_state / "items.journal").write_text('[["a-table","PK","SK",{"PK":{"S":"PK"}}]]\n')
    (own_state / "services" / "dynamodb.json").write_text("{")
    running = launch(own_state)
    assert running.process.wait(30) == 1
    assert "no table to put them into" in running.log.read_text()
    assert (own_state / "items.journal").read_text().count("\n") == 1


def test_items_expire_as_the_template_says(stack: Stack) -> None:
    expiry = stack.client("dynamodb").describe_time_to_live(TableName=stack.outputs["TicketsTableName"])
    assert expiry["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expiresAt"}


def test_a_hundred_callers_at_once_wait_for_each_other(stack: Stack) -> None:
    token = stack.token("agent@acme.example")

    def ask(_: int) -> int:
        with Client(stack.base_url, token=token) as caller:
            return caller.get("/v1/tickets?limit=1").status_code

    with ThreadPoolExecutor(100) as pool:
        assert set(pool.map(ask, range(200))) == {200}
