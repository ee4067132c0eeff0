"""What operations and consumers log and count on the running stack: under their own service, in its log group."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.settings import STACK_NAME
from tests.harness.people import Tenant
from tests.harness.stack import Stack

SECONDS = 30


def _lines(stack: Stack, service: str) -> Iterator[dict[str, Any]]:
    """Yield what is in the log group of a service, as JSON."""
    logs = stack.client("logs")
    group = stack.client("cloudformation").describe_stack_resource(
        StackName=STACK_NAME, LogicalResourceId=f"{service.capitalize()}Logs"
    )["StackResourceDetail"]["PhysicalResourceId"]
    for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
        yield from (json.loads(event["message"]) for event in page["events"] if event["message"].startswith("{"))


@pytest.fixture
def event_id(acme: Tenant, new_ticket: Callable[..., dict[str, Any]]) -> str:
    """Comment on a ticket and return the id of the comment's event."""
    url = f"/v1/tickets/{new_ticket()['id']}"
    acme.agent.post(f"{url}/comments", json={"body": "Any news?"}).raise_for_status()
    return str(acme.agent.get(f"{url}/history").json()[-1]["id"])


@pytest.mark.parametrize(
    ("service", "name", "metric"),
    [
        ("comments", "createComment", {"operation": "createComment", "outcome": "ok", "Requests": [1.0]}),
        ("events", "publishEvents", {"job": "publishEvents", "outcome": "done", "Jobs": [1.0]}),
        ("live", "pushEvent", {"consumer": "pushEvent", "outcome": "done"}),
        ("mail", "mailEvents", {"consumer": "mailEvents", "outcome": "done"}),
        ("webhooks", "dispatchWebhooks", {"consumer": "dispatchWebhooks", "outcome": "done"}),
    ],
)
def test_a_line_and_a_metric_carry_the_service(
    stack: Stack, event_id: str, service: str, name: str, metric: dict[str, Any]
) -> None:
    deadline = time.monotonic() + SECONDS
    named = counted = False
    while not (named and counted):
        assert time.monotonic() < deadline, (named, counted)
        lines = list(_lines(stack, service))
        assert {line["service"] for line in lines if "service" in line} <= {service}
        # An API's or a stream's line is of no event that is known here.
        named = any(line.get("message") == name and line.get("eventId", event_id) == event_id for line in lines)
        counted = any(line.items() >= metric.items() for line in lines if "_aws" in line)
