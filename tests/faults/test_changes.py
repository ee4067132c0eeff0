"""1,000 changes while AWS fails: whoever consumes the events applies each of them once, and nobody is told 5xx.

The faults hit the pipeline alone. What the API does when its own calls fail is the matter of other tests.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import islice
from typing import Any

import httpx
import pytest

from tests.callers import TICKET
from tests.faults.conftest import Faults
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

PUBLISHING: Rule = {"service": "events", "action": "PutEvents", "functions": ["PublishEventsFunction"]}

PHASES: list[tuple[int, list[Rule]]] = [
    (
        400,
        [
            PUBLISHING | {"kind": "error", "share": SHARE},
            PUBLISHING | {"kind": "lost_answer", "share": SHARE},
            PUBLISHING | {"kind": "partial", "share": SHARE},
        ],
    ),
    (400, [PUBLISHING | {"kind": "throttle", "share": SHARE}]),
    (200, [PUBLISHING | {"kind": "timeout", "share": SHARE, "seconds": 4}]),
]
"""How many changes are made while what fails. The clients give up after 3 s at most."""


@contextmanager
def _bus(stack: Stack) -> Iterator[Applied]:
    """A consumer of the bus as the system's own are."""
    with BusProbe(stack) as bus:
        consumer = OnceProbe(bus)
        with consumer.working():
            yield lambda: consumer.applied


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


@pytest.fixture(scope="module")
def callers(faulty: Stack) -> Iterator[list[httpx.Client]]:
    headers = {"Authorization": f"Bearer {faulty.token('admin@acme.example')}"}
    clients = [httpx.Client(base_url=faulty.base_url, headers=headers, timeout=30) for _ in range(CALLERS)]
    yield clients
    for client in clients:
        client.close()


def test_each_event_of_1000_changes_is_applied_once(faulty: Stack, faults: Faults, callers: list[httpx.Client]) -> None:
    before = _events(faulty)
    with ExitStack() as probes, ThreadPoolExecutor(CALLERS) as pool:
        applied = {name: probes.enter_context(probe(faulty)) for name, probe in PROBES.items()}
        statuses = Counter[int]()
        for count, rules in PHASES:
            faults.set(*rules)
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
    sqs, queue = faulty.client("sqs"), faulty.outputs["UnpublishedEventsUrl"]
    left = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    assert left == {"ApproximateNumberOfMessages": "0"}
