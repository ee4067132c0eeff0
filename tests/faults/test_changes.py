"""1,000 changes while AWS fails: consumers apply each event once, nobody is told 5xx, and search ends as the table is.

A short run makes 64.

The faults hit the pipeline alone. What the API does when its own calls fail is the matter of other tests. All consumers
meet the same changes; a test for each of two properties says which of them does not hold.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from local.watch.faults import CONNECTIONS
from tests.faults import probes
from tests.faults.changes import change
from tests.faults.probes import Applied
from tests.faults.rules import Faults, Rule
from tests.harness.client import Client
from tests.harness.people import signed_in
from tests.harness.receiver import Receiver
from tests.harness.search import Index
from tests.harness.size import sized
from tests.harness.stack import Stack
from ticketing.dynamodb.attributes import from_item

CALLERS = 8
PHASES = sized(
    [(55, ["error", "lost_answer", "partial"]), (55, ["throttle"]), (15, ["timeout"])],
    short=[(8, ["error", "lost_answer", "partial", "throttle"])],
)
"""How many changes each caller makes while calls fail in which ways; together these hit the share of the calls."""

CHANGES = CALLERS * sum(count for count, _ in PHASES)
SHARE = 0.2
SECONDS_TO_SETTLE = 400.0  # what could not be told comes again after a minute or two
SECONDS_BETWEEN_LOOKS = 1.0

type Probe = Callable[[Stack, Receiver], AbstractContextManager[Applied]]

PUBLISHER, PUSHER, MAILER = ["PublishEventsFunction"], ["PushEventFunction"], ["MailEventsFunction"]
DISPATCHER, DELIVERER = ["DispatchWebhooksFunction"], ["DeliverWebhookFunction"]
CONSUMERS = [*PUSHER, *MAILER, *DISPATCHER, *DELIVERER]
NOTER, INDEXER = ["NoteForSearchFunction"], ["IndexTenantFunction"]

FAILING: list[Rule] = [
    {"service": "events", "action": "PutEvents", "functions": PUBLISHER},
    {"service": CONNECTIONS, "action": "POST *", "functions": PUSHER},
    # Without an answer for longer than the client waits, nobody knows; an answer of 5xx to a mail that was sent all the
    # same would be a second mail, by decision 16 in docs/decisions.
    {"service": "sesv2", "action": "*", "functions": MAILER, "kinds": ["error", "throttle", "timeout"], "seconds": 7},
    {"service": "sqs", "action": "SendMessage*", "functions": [*DISPATCHER, *DELIVERER]},
    {"service": "dynamodb", "action": "*", "functions": CONSUMERS},
    {"service": "sqs", "action": "SendMessage", "functions": [*NOTER, *INDEXER]},
    {"service": "dynamodb", "action": "*", "functions": INDEXER},
    # A pass over the index puts one object, or two, whatever the number of its changes.
    {"service": "s3", "action": "*", "functions": INDEXER, "seconds": 6, "share": 0.6},
]
"""Whose calls of what fail; where it names no kinds, in every way. The receiver of webhooks fails by itself."""

PROBES: dict[str, Probe] = {"bus": probes.bus, "live": probes.live, "webhook": probes.webhook}
"""Who has to be told of every event, by a name to tell it by."""


@dataclass(frozen=True)
class Storm:
    """What was done, and who sees what becomes of it until they are told to stop."""

    statuses: Counter[int]
    events: dict[str, dict[str, Any]]
    """Those of the changes, by their ids."""
    applied: dict[str, Applied]
    mails: probes.Mails
    watching: ExitStack


def _events(stack: Stack) -> dict[str, dict[str, Any]]:
    """Return all events of tickets in the table, by their ids."""
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["TicketsTableName"])
    items = (from_item(item) for page in pages for item in page["Items"] if item["SK"]["S"].startswith("EVENT#"))
    return {item["eventId"]: item for item in items if "eventId" in item}  # audit events have none


def _put_aside(stack: Stack) -> str:
    """Return how many messages are in UnpublishedEvents."""
    name = "ApproximateNumberOfMessages"
    queue = {"QueueUrl": stack.outputs["UnpublishedEventsUrl"], "AttributeNames": [name]}
    return str(stack.client("sqs").get_queue_attributes(**queue)["Attributes"][name])


@pytest.fixture(scope="module")
def callers(faulty: Stack) -> Iterator[list[Client]]:
    with ExitStack() as clients:
        yield [clients.enter_context(signed_in(faulty, "admin@acme.example")) for _ in range(CALLERS)]


@pytest.fixture(scope="module")
def reader_id(faulty: Stack) -> str:
    """Who reported all the tickets, and is mailed about what the others do."""
    with signed_in(faulty, probes.READER) as reader:
        return reader.id


@pytest.fixture(scope="module")
def storm(faulty: Stack, faults: Faults, receiver: Receiver, callers: list[Client], reader_id: str) -> Iterator[Storm]:
    """Make the changes, while each fault hits at least one call of those that it is for."""
    before, mails, statuses = _events(faulty), probes.Mails(faulty), Counter[int]()
    with ExitStack() as watching, ThreadPoolExecutor(CALLERS) as pool:
        applied = {name: watching.enter_context(probe(faulty, receiver)) for name, probe in PROBES.items()}

        def make(count: int) -> None:
            for answers in pool.map(change, callers, [count] * CALLERS, [reader_id] * CALLERS):
                statuses.update(answers)

        try:
            probes.make_while_failing(faulty, faults, FAILING, PHASES, SHARE, make)
        finally:
            faults.set()  # what is still under way may come to its end
        events = {event_id: event for event_id, event in _events(faulty).items() if event_id not in before}
        yield Storm(statuses, events, applied, mails, watching)


def test_each_event_is_applied_once(faulty: Stack, storm: Storm) -> None:
    statuses, mails, expected = storm.statuses, storm.mails, dict.fromkeys(storm.events, 1)
    assert statuses.total() == len(expected) >= CHANGES
    assert not [status for status in statuses if status >= 300], statuses

    mailed = {about for event in storm.events.values() if (about := probes.mail_about(event))}
    deadline = time.monotonic() + SECONDS_TO_SETTLE
    while (
        any(len(seen()) < len(expected) for seen in storm.applied.values())
        or len(mails.sent()) + mails.unknown() < len(mailed)
    ) and time.monotonic() < deadline:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    for name, seen in storm.applied.items():
        assert seen() == expected, name
    sent = mails.sent()
    assert set(sent.values()) == {1}
    assert sent.keys() <= mailed
    # Of a mail whose outcome nobody knows there may be none, and it is never tried again.
    assert len(sent) + mails.unknown() == len(mailed)
    storm.watching.close()
    assert _put_aside(faulty) == "0"


def test_the_index_ends_as_the_table_is(faulty: Stack, storm: Storm, callers: list[Client]) -> None:
    """Though passes over it come to nothing, or are made twice."""
    assert storm.events
    index = Index(faulty, callers[0].me["tenantId"])
    expected = index.expected()
    deadline = time.monotonic() + SECONDS_TO_SETTLE
    while (state := index.state()) != expected and time.monotonic() < deadline:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    assert state == expected
    assert index.is_complete()
