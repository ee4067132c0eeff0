"""The smoke test of `dynamodb:Attributes`, against AWS as it may be.

The local AWS holds a session to its role's policies and hands over every condition key. An AWS that leaves one out
decides as if the role had no condition on it (ForAllValues), or refuses (Null): such roles stand for it here.
"""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from local.settings import REGION
from stack.smoke.attributes import (
    NAMED,
    NAMED_IF_PRESENT,
    NO_KEYS,
    NOT_NAMED,
    NOT_NAMED_BUT_REQUIRED,
    PARTITION,
    Finding,
    check,
)
from tests.harness.stack import Stack

type Change = Callable[[dict[str, Any]], object]

ROLE = "smoke-of-another-aws"


@pytest.fixture(autouse=True)
def _credentials(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of somebody who deploys."""
    for name, value in {
        "AWS_ENDPOINT_URL": stack.aws_endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def role_of(stack: Stack) -> Iterator[Callable[[Change], str]]:
    """Return how to make a role with the SmokeRole's policy, its conditions changed; it returns the ARN."""
    iam = stack.client("iam")
    name = stack.outputs["SmokeRoleArn"].rpartition("/")[2]
    trust = json.dumps(iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"])
    deployed = iam.get_role_policy(RoleName=name, PolicyName="Smoke")["PolicyDocument"]

    def make(change: Change) -> str:
        document = copy.deepcopy(deployed)
        change(document["Statement"][0]["Condition"])
        arn: str = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        iam.put_role_policy(RoleName=ROLE, PolicyName="Smoke", PolicyDocument=json.dumps(document))
        return arn

    yield make
    iam.delete_role_policy(RoleName=ROLE, PolicyName="Smoke")
    iam.delete_role(RoleName=ROLE)


def _all_keys(_conditions: dict[str, Any]) -> None:
    pass


def _no_attributes(conditions: dict[str, Any]) -> None:
    del conditions["ForAllValues:StringEquals"]["dynamodb:Attributes"]


def _no_leading_keys(conditions: dict[str, Any]) -> None:
    conditions["Null"] = {"dynamodb:NotThere": "false"}


@pytest.mark.parametrize(
    ("aws", "conditions", "finding"),
    [
        (_all_keys, "ifPresent", NAMED_IF_PRESENT),
        (_all_keys, "required", NAMED),
        (_no_attributes, "ifPresent", NOT_NAMED),
        (_no_attributes, "required", NOT_NAMED_BUT_REQUIRED),
        (_no_leading_keys, "ifPresent", NO_KEYS),
    ],
)
def test_it_finds_out_which_aws_it_is(
    stack: Stack, role_of: Callable[[Change], str], aws: Change, conditions: str, finding: Finding
) -> None:
    outputs = stack.outputs | {"SmokeRoleArn": role_of(aws), "AttributeConditions": conditions}
    assert check(boto3.Session(), outputs, seconds=0) == finding
    key = {"PK": {"S": PARTITION}, "SK": {"S": PARTITION}}
    assert "Item" not in stack.client("dynamodb").get_item(TableName=stack.outputs["TicketsTableName"], Key=key)
