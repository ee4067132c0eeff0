"""Consumers of the bus are wired alike: a rule, a queue, its dead letters, a function that tells what it has done."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.support import template
from ticketing.events.publishing import SOURCE

type Properties = dict[str, Any]

RESOURCES: dict[str, Any] = template()["Resources"]
DEFAULT_TIMEOUT: int = template()["Globals"]["Function"]["Timeout"]


def _of_type(kind: str) -> dict[str, Properties]:
    return {name: each["Properties"] for name, each in RESOURCES.items() if each["Type"] == kind}


RULES = {name: rule for name, rule in _of_type("AWS::Events::Rule").items() if rule.get("EventBusName") == "EventBus"}


def _fed_by(queue: str) -> Iterator[tuple[Properties, Properties]]:
    """Yield the functions that take messages of a queue, each with its mapping."""
    for function in _of_type("AWS::Serverless::Function").values():
        for event in function.get("Events", {}).values():
            if event["Type"] == "SQS" and event["Properties"]["Queue"] == f"{queue}.Arn":
                yield function, event["Properties"]


@pytest.mark.parametrize("name", RULES)
def test_a_consumer_loses_nothing(name: str) -> None:
    rule = RULES[name]
    (target,) = rule["Targets"]
    queue = target["Arn"].removesuffix(".Arn")
    dead = f"{queue.removesuffix('Queue')}DeadLetters"
    assert rule["EventPattern"]["source"] == [SOURCE]
    assert target["DeadLetterConfig"] == {"Arn": f"{dead}.Arn"}
    assert RESOURCES[queue]["Properties"]["RedrivePolicy"]["deadLetterTargetArn"] == f"{dead}.Arn"
    assert RESOURCES[dead]["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 60 * 60


@pytest.mark.parametrize("name", RULES)
def test_nobody_but_its_rule_sends_to_a_consumers_queues(name: str) -> None:
    queue = RULES[name]["Targets"][0]["Arn"].removesuffix(".Arn")
    (policy,) = (each for each in _of_type("AWS::SQS::QueuePolicy").values() if queue in each["Queues"])
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": f"{name}.Arn"}}
    assert {each.removesuffix(".Arn") for each in statement["Resource"]} == set(policy["Queues"])


@pytest.mark.parametrize("name", RULES)
def test_a_consumers_messages_are_its_own_for_longer_than_it_may_take(name: str) -> None:
    """Six times as long, as Lambda asks for; and one message that fails does not bring back the rest of its batch."""
    queue = RULES[name]["Targets"][0]["Arn"].removesuffix(".Arn")
    ((function, mapping),) = _fed_by(queue)
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert RESOURCES[queue]["Properties"]["VisibilityTimeout"] >= 6 * function.get("Timeout", DEFAULT_TIMEOUT)
