"""What a consumer of the bus does with what it can't understand: it says so, and the message comes again."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.settings import ROOT, STACK_NAME
from tests.harness.stack import Stack
from tests.unit.support import template

EXAMPLE: dict[str, Any] = json.loads(Path(ROOT, "docs/events/examples/TicketUpdated.json").read_text(encoding="utf-8"))

BODIES = {
    "of a type that is not known": json.dumps(
        {"detail-type": "TicketEaten", "detail": EXAMPLE | {"type": "TicketEaten"}}
    ),
    "of a version that is not known": json.dumps(
        {"detail-type": "TicketUpdated", "detail": EXAMPLE | {"schemaVersion": 3}}
    ),
    "without an event": json.dumps({"detail-type": "TicketUpdated"}),
    "not JSON": "{",
}


def _consumers() -> list[str]:
    """Return the functions that take messages from queues of rules on the bus."""
    resources = template()["Resources"]
    queues = {
        target["Arn"]
        for each in resources.values()
        if each["Type"] == "AWS::Events::Rule" and each["Properties"].get("EventBusName") == "EventBus"
        for target in each["Properties"]["Targets"]
    }
    return [
        name
        for name, each in resources.items()
        if each["Type"] == "AWS::Serverless::Function"
        for event in each["Properties"].get("Events", {}).values()
        if event["Type"] == "SQS" and event["Properties"]["Queue"] in queues
    ]


@pytest.mark.parametrize("consumer", _consumers())
def test_a_consumer_wants_what_it_does_not_understand_again(stack: Stack, consumer: str) -> None:
    """So it ends among the dead letters, and can be moved back when the consumer has learned it."""
    resource = stack.client("cloudformation").describe_stack_resource(StackName=STACK_NAME, LogicalResourceId=consumer)
    records = [
        {"messageId": name, "body": body, "attributes": {"MessageGroupId": name}} for name, body in BODIES.items()
    ]
    answer = stack.client("lambda").invoke(
        FunctionName=resource["StackResourceDetail"]["PhysicalResourceId"], Payload=json.dumps({"Records": records})
    )
    content = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, content
    assert content == {"batchItemFailures": [{"itemIdentifier": name} for name in BODIES]}
