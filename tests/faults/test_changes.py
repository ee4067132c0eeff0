"""1,000 changes while AWS fails: whoever consumes the events applies each of them once, and nobody is told 5xx.

A short run makes 120.

The faults hit the pipeline alone. What the API does when its own calls fail is the matter of other tests.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
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
from tests.harness.size import sized
from tests.harness.stack import Stack
from ticketing.dynamodb.attributes import from_item

CALLERS = 8
PHASES = sized(
    [(440, ["error", "lost_answer", "partial"]), (440, ["throttle"]), (120, ["timeout"])],
    short=[(64, ["error", "lost_answer", "partial", "throttle"])],
)
"""How many changes are made while calls fail in which ways; together these hit the share of the calls."""

CHANGES = sum(count for count, _ in PHASES)
SHARE = 0.2
SECONDS_TO_SETTLE = 400.0  # what could not be told comes again after a minute or two

type Probe = Callable[[Stack, Receiver], AbstractContextManager[Applied]]

PUBLISHER, PUSHER, MAILER = ["PublishEventsFunction"], ["PushEventFunction"], ["MailEventsFunction"]
DISPATCHER, DELIVERER = ["DispatchWebhooksFunction"], ["DeliverWebhookFunction"]
CONSUMERS = [*PUSHER, *MAILER, *DISPATCHER, *DELIVERER]

FAILING: list[Rule] = [
    {"service": "events", "action": "PutEvents", "functions": PUBLISHER},
    {"service": CONNECTIONS, "action": "POST *", "functions": PUSHER},
    # Without an answer for longer than the client waits, nobody knows; an answer of 5xx to a mail that was sent all the
    # same would be a second mail, by decision 16 in docs/decisions.
    {"service": "sesv2", "action": "*", "functions": MAILER, "kinds": ["error", "throttle", "timeout"], "seconds": 7},
    {"service": "sqs", "action": "SendMessage*", "functions": [*DISPATCHER, *DELIVERER]},
    {"service": "dynamodb", "action": "*", "functions": CONSUMERS},
]
"""Whose calls of what fail; where it names no kinds, in every way. The receiver of webhooks fails by itself."""

PROBES: dict[str, Probe] = {"bus": probes.bus, "live": probes.live, "webhook": probes.webhook}
"""Who has to be told of every event, by a name to tell it by."""


def _events(stack: Stack) -> dict[str, dict[str, Any]]:
    """Return all events of tickets in the table, by their ids."""
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["TicketsTableName"])
    items = (from_item(item) for page in pages for item in page["Items"] if item["SK"]["S"].startswith("EVENT#"))
    return {item["eventId"]: item for item in items if "eventId" in item}  # audit events have none


def _missed(stack: Stack) -> list[str]:
    """Return which faults have hit nothing, so that nothing is proven of them; in a short run, whose calls."""
    log = stack.logged("emulator.log")
    kinds = {kind for _, phase in PHASES for kind in phase}
    wanted = [
        f"{kind}: {target['service']} "
        for target in FAILING
        for kind in kinds & set(target.get("kinds", kinds))
        if kind != "partial" or target["action"] == "PutEvents"  # nothing else fails in part
    ]
    missed = [each for each in wanted if each not in log]
    hit = {each.partition(": ")[2] for each in wanted if each in log}
    return sized(missed, short=[each for each in missed if each.partition(": ")[2] not in hit])


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


def test_each_event_is_applied_once(
    faulty: Stack, faults: Faults, receiver: Receiver, callers: list[Client], reader_id: str
) -> None:
    before, put_aside, mails = _events(faulty), _put_aside(faulty), probes.Mails(faulty)
    with ExitStack() as watching, ThreadPoolExecutor(CALLERS) as pool:
        applied = {name: watching.enter_context(probe(faulty, receiver)) for name, probe in PROBES.items()}
        statuses = Counter[int]()
        for count, kinds in PHASES:
            faults.set(*(rule for target in FAILING for rule in probes.rules(target, kinds, SHARE)))
            shares = [count // CALLERS] * CALLERS
            for answers in pool.map(change, callers, shares, [reader_id] * CALLERS):
                statuses.update(answers)
        events = {event_id: event for event_id, event in _events(faulty).items() if event_id not in before}
        expected = dict.fromkeys(events, 1)
        assert statuses.total() == len(expected) == CHANGES
        assert not [status for status in statuses if status >= 300], statuses

        deadline = time.monotonic() + SECONDS_TO_SETTLE
        while _missed(faulty) and time.monotonic() < deadline:  # consumers come after the changes
            time.sleep(0.2)
        faults.set()  # what is still under way may come to its end
        mailed = {about for event in events.values() if (about := probes.mail_about(event))}
        while (
            any(len(seen()) < CHANGES for seen in applied.values()) or len(mails.sent()) + mails.unknown() < len(mailed)
        ) and time.monotonic() < deadline:
            time.sleep(0.5)
        for name, seen in applied.items():
            assert seen() == expected, name
        sent = mails.sent()
        assert set(sent.values()) == {1}
        assert sent.keys() <= mailed
        # Of a mail whose outcome nobody knows there may be none, and it is never tried again.
        assert len(sent) + mails.unknown() == len(mailed)
    assert _put_aside(faulty) == put_aside
    assert not _missed(faulty)
