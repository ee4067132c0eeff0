"""Uploads while AWS fails: every file that arrives is CLEAN or INFECTED, told once, and nothing else can be read.

The faults hit those who follow files, and the publisher of their events. Whoever uploads meets none.
"""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event
from typing import Any

import httpx
import pytest

from local.settings import STACK_NAME
from tests.faults import probes
from tests.faults.rules import Faults, Rule
from tests.harness.client import Client
from tests.harness.files import EICAR, Objects, address, announce, fetched, sweep, upload
from tests.harness.people import TICKET, signed_in
from tests.harness.receiver import Receiver
from tests.harness.size import sized
from tests.harness.stack import Stack
from ticketing.dynamodb.attributes import from_item

CALLERS = 8
PHASES: list[tuple[int, list[str]]] = sized(
    [(12, ["error", "lost_answer", "partial"]), (8, ["throttle"]), (4, ["timeout"])],
    short=[(4, ["error", "lost_answer", "partial", "throttle"])],
)
"""How many files each caller uploads while calls fail in which ways; together these hit the share of the calls."""

SHARE = 0.2
MALWARE_EVERY = 4
SECONDS_TO_SETTLE = 400.0
SECONDS_BETWEEN_READS = 0.1
FOLLOWERS = ["ReceiveUploadFunction", "RecordScanFunction"]
FAILING: list[Rule] = [
    {"service": "s3", "action": "*", "functions": FOLLOWERS},
    {"service": "dynamodb", "action": "*", "functions": FOLLOWERS},
    {"service": "events", "action": "PutEvents", "functions": ["PublishEventsFunction"]},
]
ENDS = {"CLEAN": "AttachmentAdded", "INFECTED": "AttachmentRejected"}
"""What is told of a file in the state that it ends in."""


@dataclass(frozen=True)
class Uploaded:
    """A file as it was uploaded, and where the API has it."""

    id: str
    place: str
    malware: bool
    content: bytes


@pytest.fixture(scope="module")
def callers(faulty: Stack) -> Iterator[list[Client]]:
    with ExitStack() as clients:
        yield [clients.enter_context(signed_in(faulty, "admin@acme.example")) for _ in range(CALLERS)]


def _upload(client: Client, count: int, done: list[Uploaded]) -> None:
    """Upload so many files to a ticket of their own, and add them to those that are done."""
    ticket = client.create("/v1/tickets", TICKET)["id"]
    for number in range(count):
        malware = number % MALWARE_EVERY == 0
        content = EICAR + b" %d" % number if malware else b"Notes, %d" % number
        announced = announce(client, f"/v1/tickets/{ticket}", content)
        upload(announced, content).raise_for_status()
        place = f"/v1/tickets/{ticket}/attachments/{announced['id']}"
        done.append(Uploaded(announced["id"], place, malware, content))


def _read_meanwhile(client: Client, files: list[Uploaded], over: Event) -> list[str]:
    """Try to read files all the time, and return which could be read and had something else or malware in them.

    One after the other, from when they are uploaded until they were read as what they are.
    """
    wrong, good, number = list[str](), set[str](), 0
    while not over.wait(SECONDS_BETWEEN_READS):
        todo = [file for file in files if file.id not in good]
        if not todo:
            continue
        number += 1
        file = todo[number % len(todo)]
        answer = client.get(f"{file.place}/content", headers={"Accept": "application/json"})
        if answer.status_code == httpx.codes.OK:
            good.add(file.id)
            if file.malware or fetched(answer.json()["url"]).content != file.content:
                wrong.append(file.id)
        elif answer.status_code != httpx.codes.CONFLICT:
            wrong.append(f"{file.id}: {answer.status_code}")
    return wrong


def _told(stack: Stack) -> dict[str, Counter[str]]:
    """Return how often which event of a file is in the table, by the file's id."""
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["TicketsTableName"])
    told: dict[str, Counter[str]] = {}
    for page in pages:
        for item in map(from_item, page["Items"]):
            if "eventType" in item and "attachmentId" in item:
                told.setdefault(item["attachmentId"], Counter())[item["eventType"]] += 1
    return told


def _put_aside(stack: Stack) -> int:
    """Return how many messages about files are in dead-letter queues."""
    formation, sqs = stack.client("cloudformation"), stack.client("sqs")
    number = 0
    for name in ("UploadsDeadLetters", "ScansDeadLetters"):
        found = formation.describe_stack_resource(StackName=STACK_NAME, LogicalResourceId=name)
        attributes: dict[str, Any] = sqs.get_queue_attributes(
            QueueUrl=found["StackResourceDetail"]["PhysicalResourceId"],
            AttributeNames=["ApproximateNumberOfMessages"],
        )["Attributes"]
        number += int(attributes["ApproximateNumberOfMessages"])
    return number


def test_each_file_ends_as_what_it_is(faulty: Stack, faults: Faults, receiver: Receiver, callers: list[Client]) -> None:
    objects, uploaded, over = Objects(faulty), list[Uploaded](), Event()
    deadline = time.monotonic() + SECONDS_TO_SETTLE
    with probes.bus(faulty, receiver) as applied, ThreadPoolExecutor(CALLERS + 1) as pool:

        def make(count: int) -> None:
            for _ in pool.map(_upload, callers, [count] * CALLERS, [uploaded] * CALLERS):
                pass  # it raises what an upload has raised

        reading = pool.submit(_read_meanwhile, callers[0], uploaded, over)
        try:
            probes.make_while_failing(faulty, faults, FAILING, PHASES, SHARE, make)
            states = _settled(callers[0], uploaded, deadline)
        finally:
            faults.set()  # what is still under way may come to its end
            over.set()
        assert reading.result() == []
        assert states == {file.id: "INFECTED" if file.malware else "CLEAN" for file in uploaded}
        told = _told(faulty)
        assert {file.id: told[file.id] for file in uploaded} == {
            each: Counter([ENDS[state]]) for each, state in states.items()
        }
        while sum(applied().values()) < len(uploaded) and time.monotonic() < deadline:
            time.sleep(0.5)
        assert set(applied().values()) == {1}
    sweep(faulty)
    assert _settled(callers[0], uploaded, deadline) == states
    for file in uploaded:
        tenant_id = callers[0].me["tenantId"]
        _, _, _, ticket_id, _, _ = file.place.split("/")
        versions = objects.under(f"{tenant_id}/{ticket_id}/{file.id}")
        assert len(versions) == (0 if file.malware else 1)
        if not file.malware:
            assert fetched(address(callers[0], file.place)).content == file.content
    assert _put_aside(faulty) == 0


def _settled(client: Client, files: list[Uploaded], deadline: float) -> dict[str, str]:
    """Return the states of files, as soon as all are in one that they can end in."""
    states = dict[str, str]()
    while len(states) < len(files) and time.monotonic() < deadline:
        for file in files:
            if file.id not in states and (state := _state(client, file)) in ENDS:
                states[file.id] = state
        time.sleep(1)
    return {file.id: _state(client, file) for file in files}


def _state(client: Client, file: Uploaded) -> str:
    return str(client.get(file.place, expect=httpx.codes.OK).json()["state"])
