"""The fragments of the template: that they make template.yaml, and how much room is left in it."""

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from samtranslator.translator.transform import transform

from stack.compose import FragmentError, compose
from stack.policies.deployed import policies
from stack.template import parsed
from tests.unit.support import ROOT, template

FRAGMENTS = sorted((ROOT / "stack").glob("*.yaml"))

RESOURCES = 400
"""Of the 500 that a stack may have. Search takes some 40: a table with the parameters that let a restored one take its
place, a bucket, two queues with their dead letters, and the functions between them and behind its operations."""

TRANSFORMED_BYTES = 815_000
"""At indent 2; CloudFormation takes 1,000,000. An operation that reads takes some 4,500, one that writes 6,000 to
8,000: what its role may do, shared policies apart, makes the difference."""

ROLE_BYTES = 10_240
"""All inline policies of a role together, without white space."""

MANAGED_POLICIES = 10
"""That a role may have, unless AWS is asked for more."""

MANAGED_POLICY_BYTES = 6_144
"""Without white space."""

NAME = 64
"""Characters that names of resources have at most."""


class ManagedPolicies:
    """AWS's managed policies, of which no function names any."""

    @staticmethod
    def load() -> dict[str, str]:
        return {}


@pytest.fixture(scope="module")
def transformed() -> dict[str, Any]:
    """What CloudFormation makes of template.yaml: SAM's transform applied."""
    source: dict[str, Any] = parsed((ROOT / "template.yaml").read_text())
    for resource in source["Resources"].values():
        for name in resource.get("Properties", {}).keys() & {"CodeUri", "ContentUri", "DefinitionUri"}:
            # As `sam package` writes it.
            bucket = "aws-sam-cli-managed-default-samclisourcebucket-123456789012"
            resource["Properties"][name] = f"s3://{bucket}/{'0' * 32}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        result: dict[str, Any] = transform(source, {}, ManagedPolicies())
    return result


def test_the_template_is_what_its_fragments_make() -> None:
    assert compose() == (ROOT / "template.yaml").read_text()


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.stem)
def test_a_fragment_can_be_read(fragment: Path) -> None:
    assert len(fragment.read_text().splitlines()) <= 900


def test_there_is_room_left(transformed: dict[str, Any]) -> None:
    """`pytest -s` shows how much."""
    resources, size = len(transformed["Resources"]), len(json.dumps(transformed, indent=2))
    sys.stdout.write(f"\n{resources} resources of 500, {size:,} bytes of 1,000,000\n")
    assert resources <= RESOURCES
    assert size <= TRANSFORMED_BYTES


def test_the_role_of_api_gateway_has_room_for_the_longest_names() -> None:
    """AWS counts without white space. Names of functions have 64 characters at most."""
    (policy,) = template()["Resources"]["ApiRole"]["Properties"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    arn = f"arn:aws:lambda:ap-southeast-1:123456789012:function:{'x' * NAME}"
    statement = statement | {"Resource": [arn for _ in statement["Resource"]]}
    document = policy["PolicyDocument"] | {"Statement": [statement]}
    assert len(json.dumps(document, separators=(",", ":"))) <= ROLE_BYTES


def test_shared_policies_are_as_few_and_as_short_as_aws_takes_them() -> None:
    resources = template()["Resources"]
    attached = [len(each["Properties"].get("ManagedPolicyArns", ())) for each in _of_type("AWS::IAM::Role").values()]
    assert max(attached) <= MANAGED_POLICIES
    for policy in policies():
        if resources[policy.owner]["Type"] == "AWS::IAM::ManagedPolicy":
            text = json.dumps(policy.document, separators=(",", ":"))
            assert len(text) + NAME * text.count("arn:") <= MANAGED_POLICY_BYTES, policy.owner


def test_what_many_functions_may_do_is_a_policy_that_they_share() -> None:
    """Written into each role, a statement with a condition takes some 600 bytes there."""
    seen = Counter(
        json.dumps(statement)
        for role in _of_type("AWS::IAM::Role").values()
        for policy in role["Properties"].get("Policies", ())
        for statement in (policy["PolicyDocument"]["Statement"] if "PolicyDocument" in policy else ())
        if "Condition" in statement
    )
    assert [statement for statement, times in seen.items() if times > 3] == []


def _of_type(kind: str) -> dict[str, Any]:
    return {name: each for name, each in template()["Resources"].items() if each["Type"] == kind}


# --- the composer -----------------------------------------------------------------------------------------------------

API = """
Resources:
  Api:
    Properties:
      DefinitionBody: { Fn::Transform: { Parameters: { Location: gateway.yaml } } }
    Type: AWS::Serverless::Api
  ApiRole:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyDocument:
            Statement:
              - Effect: Allow
"""
READER = """
# Why it is there.
Resources:
  ReadThingFunction:
    Type: AWS::Serverless::Function
    Properties: { Handler: read_thing.handler }
    Role:
      PerTenant: true
      Allow:
        - Action: dynamodb:GetItem
          Resource: !GetAtt Things.Arn
"""


@pytest.fixture
def composed(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return how to compose fragments, by their names; short forms are in their long one."""

    def compose_them(**fragments: str) -> dict[str, Any]:
        (tmp_path / "stack").mkdir()
        (tmp_path / "gateway.yaml").write_text("uri: functions/${ReadThingFunction.Arn}/invocations")
        for name, text in ({"api": API} | fragments).items():
            (tmp_path / "stack" / f"{name}.yaml").write_text(text)
        text = compose(tmp_path)
        assert "Why it is there" not in text
        document: dict[str, Any] = parsed(text)
        return document

    return compose_them


def test_a_function_gets_its_role_and_its_services_log(composed: Callable[..., dict[str, Any]]) -> None:
    resources = composed(things=READER)["Resources"]
    assert list(resources)[2:] == ["ReadThingFunction", "ReadThingRole", "ThingsLogs", "ThingsPolicy"]
    assert resources["ReadThingFunction"] == {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "Handler": "read_thing.handler",
            "Role": {"Fn::Sub": "${ReadThingRole.Arn}"},
            "LoggingConfig": {"LogGroup": {"Ref": "ThingsLogs"}},
            "Environment": {
                "Variables": {
                    "TENANT_ROLE": {"Fn::If": ["IsStrict", {"Fn::Sub": "${ReadThingRole.Arn}"}, ""]},
                    "POWERTOOLS_SERVICE_NAME": "things",
                }
            },
        },
    }
    role = resources["ReadThingRole"]["Properties"]
    assert role["ManagedPolicyArns"] == [{"Ref": "ThingsPolicy"}, {"Ref": "FunctionsPolicy"}]
    (policy,) = role["Policies"]
    (allowed,) = policy["PolicyDocument"]["Statement"]
    assert allowed == {
        "Effect": "Allow",
        "Action": "dynamodb:GetItem",
        "Resource": {"Fn::Sub": "${Things.Arn}"},
    }
    name = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${AWS::StackName}-ReadThingRole-*"
    by_lambda, by_itself = role["AssumeRolePolicyDocument"]["Statement"]
    assert by_lambda["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert by_itself["Condition"] == {"ArnLike": {"aws:PrincipalArn": {"Fn::Sub": name}}}


def test_a_function_that_acts_for_nobody_can_not_assume_its_role_again(
    composed: Callable[..., dict[str, Any]],
) -> None:
    resources = composed(things=READER.replace("      PerTenant: true\n", ""))["Resources"]
    variables = resources["ReadThingFunction"]["Properties"]["Environment"]["Variables"]
    assert variables == {"POWERTOOLS_SERVICE_NAME": "things"}
    assert "sts:AssumeRole" not in str(resources["ReadThingRole"]["Properties"]["Policies"])
    assert len(resources["ReadThingRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]) == 1


def test_functions_may_share_a_policy(composed: Callable[..., dict[str, Any]]) -> None:
    reader = READER.replace("      PerTenant: true\n", "      Shares: [!Ref ReadPolicy]\n")
    role = composed(things=reader)["Resources"]["ReadThingRole"]["Properties"]
    assert role["ManagedPolicyArns"] == [{"Ref": name} for name in ("ThingsPolicy", "FunctionsPolicy", "ReadPolicy")]


def test_api_gateway_may_invoke_what_it_calls(composed: Callable[..., dict[str, Any]]) -> None:
    (policy,) = composed(things=READER)["Resources"]["ApiRole"]["Properties"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Resource"] == {"Fn::Sub": "${ReadThingFunction.Arn}"}


def test_statements_take_few_lines_and_say_the_same(composed: Callable[..., dict[str, Any]]) -> None:
    condition = """
          Condition:
            ForAllValues:StringLike: { "dynamodb:LeadingKeys": ["TENANT#*"] }
            ForAllValues:StringEquals: { "dynamodb:Attributes": [a, b, c, d, PK, SK] }
"""
    pattern = "  Rule: { Type: AWS::Events::Rule, Properties: { EventPattern: { source: [aws.s3] } } }\n"
    resources = composed(things=READER.rstrip() + condition + pattern)["Resources"]
    (statement,) = resources["ReadThingRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    assert statement["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": "TENANT#*"},
        "ForAllValues:StringEquals": {"dynamodb:Attributes": {"Fn::Split": [", ", "a, b, c, d, PK, SK"]}},
    }
    assert resources["Rule"]["Properties"] == {"EventPattern": {"source": ["aws.s3"]}}


@pytest.mark.parametrize(
    ("fragment", "message"),
    [
        (READER, r"^users\.yaml: in an earlier fragment, too: ReadThingFunction, ReadThingRole$"),
        (READER.replace("PerTenant", "ForTenant"), r"^ReadThingFunction: unknown in Role: ForTenant$"),
        ("Resource:\n  A: { Type: B }\n", r"^users\.yaml: Resource is no section of a template$"),
    ],
)
def test_a_mistake_in_a_fragment_is_refused(
    composed: Callable[..., dict[str, Any]], fragment: str, message: str
) -> None:
    with pytest.raises(FragmentError, match=message):
        composed(things=READER, users=fragment)
