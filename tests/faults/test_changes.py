"""1,000 changes while AWS fails: whoever consumes the events applies each of them once, and nobody is told 5xx.

The faults hit the pipeline alone. What the API does when its own calls fail is the matter of other tests.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import islice
from typing import Any

import httpx
import pytest

from tests.callers import TICKET
from tests.faults.rules import Faults
from tests.probes import BusProbe, OnceProbe
from tests.stack import Stack

CALLERS = 8
CHANGES = 1_000
SHARE = 0.2
SECONDS_TO_SETTLE = 90.0

type Rule = dict[str, Any]
type Applied = Callable[[], Counter[str]]
"""How often each event was applied by now, by its id."""
type Probe = Callable[[Stack], AbstractContextManager[Applied]]

FAILING: list[Rule] = [
    {"service": "events", "action": "PutEvents", "functions": ["PublishEventsFunction"]},
]
"""Whose calls of what fail."""

PHASES = [(400, ["error", "lost_answer", "partial"]), (400, ["throttle"]), (200, ["timeout"])]
"""How many changes are made while calls fail in which ways; together these hit the share of the calls."""

SECONDS_WITHOUT_ANSWER = 4
"""Longer than any client waits."""


@contextmanager
def _bus(stack: Stack) -> Iterator[Applied]:
    """A consumer of the bus as the system's own are; it sees, too, that each ticket's events arrive in order."""
    with BusProbe(stack) as bus:
        consumer = OnceProbe(bus)
        with consumer.working():
            yield lambda: consumer.applied
        first = {each["detail"]["id"]: each["detail"] for each in bus.envelopes}  # in the order of first arrivals
        arrivals = defaultdict[str, list[int]](list)
        for event in first.values():
            arrivals[event["ticketId"]].append(event["version"])
        assert not [versions for versions in arrivals.values() if versions != sorted(versions)]


PROBES: dict[str, Probe] = {"bus": _bus}
"""What is looked at, by a name to tell it by."""


def _change(client: httpx.Client, count: int) -> list[int]:
    """Make so many changes, of tickets of the caller's own, and return the answers' statuses."""
    statuses = []

    def call(method: str, url: str, body: dict[str, Any] | None = None) -> httpx.Response:
        answer = client.request(method, url, json=body)
        statuses.append(answer.status_code)
        return answer

    while len(statuses) < count:
        url = f"/v1/tickets/{call('POST', '/v1/tickets', TICKET).json()['id']}"
        steps: list[tuple[str, str, dict[str, Any] | None]] = [
            ("POST", f"{url}/transitions", {"to": "OPEN"}),
            ("PATCH", url, {"title": "Another"}),
            ("PATCH", url, {"priority": "HIGH", "description": "Longer."}),
            ("POST", f"{url}/transitions", {"to": "RESOLVED", "resolution": "Done."}),
            ("POST", f"{url}/transitions", {"to": "OPEN", "comment": "Not yet."}),
            ("DELETE", url, None),
            ("POST", f"{url}/restore", None),
            ("PATCH", url, {"tags": ["x"]}),
            ("POST", f"{url}/transitions", {"to": "CLOSED"}),
        ]
        for step in islice(steps, count - len(statuses)):
            call(*step)
    return statuses


def _events(stack: Stack) -> set[str]:
    """Return the ids of all events in the table."""
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["TicketsTableName"])
    return {item["eventId"]["S"] for page in pages for item in page["Items"] if item["SK"]["S"].startswith("EVENT#")}


def _rules(target: Rule, kinds: list[str]) -> list[Rule]:
    """Return the rules by which the share of the target's calls fails."""
    share, seconds = SHARE / len(kinds), SECONDS_WITHOUT_ANSWER
    return [target | {"kind": kind, "share": share, "seconds": seconds} for kind in kinds]


def _missed(stack: Stack) -> list[str]:
    """Return which faults have hit nothing, so that nothing is proven of them."""
    log = (stack.state / "logs" / "emulator.log").read_text()
    kinds = {kind for _, phase in PHASES for kind in phase}
    wanted = [
        f"{kind}: {target['service']} "
        for target in FAILING
        for kind in kinds
        if kind != "partial" or target["action"] == "PutEvents"  # nothing else fails in part
    ]
    return [each for each in wanted if each not in log]


def _put_aside(stack: Stack) -> str:
    """Return how many messages are in UnpublishedEvents."""
    name = "ApproximateNumberOfMessages"
    queue = {"QueueUrl": stack.outputs["UnpublishedEventsUrl"], "AttributeNames": [name]}
    return str(stack.client("sqs").get_queue_attributes(**queue)["Attributes"][name])


@pytest.fixture(scope="module")
def callers(faulty: Stack) -> Iterator[list[httpx.Client]]:
    headers = {"Authorization": f"Bearer {faulty.token('admin@acme.example')}"}
    clients = [httpx.Client(base_url=faulty.base_url, headers=headers, timeout=30) for _ in range(CALLERS)]
    yield clients
    for client in clients:
        client.close()


def test_each_event_of_1000_changes_is_applied_once(faulty: Stack, faults: Faults, callers: list[httpx.Client]) -> None:
    before, put_aside = _events(faulty), _put_aside(faulty)
    with ExitStack() as probes, ThreadPoolExecutor(CALLERS) as pool:
        applied = {name: probes.enter_context(probe(faulty)) for name, probe in PROBES.items()}
        statuses = Counter[int]()
        for count, kinds in PHASES:
            faults.set(*(rule for target in FAILING for rule in _rules(target, kinds)))
            for answers in pool.map(_change, callers, [count // CALLERS] * CALLERS):
                statuses.update(answers)
        expected = dict.fromkeys(_events(faulty) - before, 1)
        assert statuses.total() == len(expected) == CHANGES
        assert not [status for status in statuses if status >= 300], statuses

        faults.set()  # what is still under way may come to its end
        deadline = time.monotonic() + SECONDS_TO_SETTLE
        while any(len(seen()) < CHANGES for seen in applied.values()) and time.monotonic() < deadline:
            time.sleep(0.2)
        for name, seen in applied.items():
            assert seen() == expected, name
    assert _put_aside(faulty) == put_aside
    assert not _missed(faulty)
