"""Consumers of the bus for tests: a rule and a queue of their own, made on a running stack and removed again."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event, Thread
from typing import Any, Self
from uuid import uuid4

from tests.harness.stack import Stack
from ticketing.aws.data import TenantData
from ticketing.deployment import Tables
from ticketing.events.errors import BeingDoneError
from ticketing.events.once import Once
from ticketing.events.publishing import SOURCE
from ticketing.tickets.events import TicketEvent

SECONDS_TO_ARRIVE = 30.0
_LEASE = timedelta(seconds=10)


@dataclass
class BusProbe:
    """Everything that arrives on the bus while it is there, in the order of arrival."""

    stack: Stack
    source: str = SOURCE
    name: str = field(default_factory=lambda: f"probe-{uuid4()}")
    envelopes: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> Self:
        sqs, events, bus = self.stack.client("sqs"), self.stack.client("events"), self.stack.outputs["EventBusName"]
        self.url = sqs.create_queue(QueueName=self.name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name=self.name, EventBusName=bus, EventPattern=json.dumps({"source": [self.source]}))
        events.put_targets(Rule=self.name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        return self

    def __exit__(self, *_: object) -> None:
        events, bus = self.stack.client("events"), self.stack.outputs["EventBusName"]
        events.remove_targets(Rule=self.name, EventBusName=bus, Ids=["queue"])
        events.delete_rule(Name=self.name, EventBusName=bus)
        self.stack.client("sqs").delete_queue(QueueUrl=self.url)

    def receive(self) -> list[dict[str, Any]]:
        """Return what has arrived since the last time, and keep it; wait for up to a second."""
        sqs = self.stack.client("sqs")
        answer = sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        arrived = [json.loads(message["Body"]) for message in answer.get("Messages", [])]
        for message in answer.get("Messages", []):
            sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        self.envelopes += arrived
        return arrived

    def events_of(self, ticket_id: str, count: int) -> list[dict[str, Any]]:
        """Return the events of a ticket as they arrived, as soon as there are so many."""
        deadline = time.monotonic() + SECONDS_TO_ARRIVE
        while (
            len(found := [each["detail"] for each in self.envelopes if each["detail"]["ticketId"] == ticket_id]) < count
        ):
            assert time.monotonic() < deadline, f"{len(found)} of {count} events have arrived"
            self.receive()
        return found


@dataclass
class OnceProbe:
    """A consumer that counts how often it has applied each event, which it does by means of `Once`."""

    bus: BusProbe
    name: str = "probe"
    applied: Counter[str] = field(default_factory=Counter)

    def work(self) -> None:
        """Apply what has arrived."""
        stack = self.bus.stack
        names = (stack.outputs[f"{table}TableName"] for table in ("Tickets", "Users", "Notifications", "Search"))
        client, tables = stack.client("dynamodb"), Tables(*names)
        todo = self.bus.receive()
        while todo:
            event = TicketEvent.model_validate(todo.pop(0)["detail"])
            try:
                with Once(TenantData(client, tables, event.tenant_id), self.name).doing(event.id, lease=_LEASE) as mine:
                    self.applied[event.id] += mine
            except BeingDoneError:  # only if another test has the same name
                continue

    @contextmanager
    def working(self) -> Iterator[None]:
        """Work in the background."""
        over = Event()

        def work() -> None:
            while not over.is_set():
                self.work()

        thread = Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
