"""What a person deploys before the pipeline can: who the pipeline is, and the most that it and the functions may do."""

import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any

import pytest

from stack.template import parsed
from tests.unit.stack.test_compose import transformed
from tests.unit.support import ROOT
from ticketing.aws.isolation import session_policy

__all__ = ["transformed"]

BOOTSTRAP: dict[str, Any] = parsed((ROOT / "stack" / "bootstrap" / "account.yaml").read_text())["Resources"]
SERVICES = {
    "ApiGateway": "apigateway",
    "ApiGatewayV2": "apigateway",
    "Budgets": "budgets",
    "CloudWatch": "cloudwatch",
    "Cognito": "cognito-idp",
    "DynamoDB": "dynamodb",
    "Events": "events",
    "GuardDuty": "guardduty",
    "IAM": "iam",
    "Lambda": "lambda",
    "Logs": "logs",
    "S3": "s3",
    "SES": "ses",
    "SNS": "sns",
    "SQS": "sqs",
    "SSM": "ssm",
    "StepFunctions": "states",
    "WAFv2": "wafv2",
}
"""How IAM calls what CloudFormation calls otherwise."""


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the statements of a policy, those with a condition of the template included."""
    for each in listed(document["Statement"]):
        yield from (one for one in each["Fn::If"][1:] if "Action" in one) if "Fn::If" in each else (each,)


def policy(role: str, name: str) -> list[dict[str, Any]]:
    (found,) = (each for each in BOOTSTRAP[role]["Properties"]["Policies"] if each["PolicyName"] == name)
    return list(statements(found["PolicyDocument"]))


def test_only_jobs_that_the_environments_reviewers_approved_can_deploy() -> None:
    """`sub` is all that tells repositories and environments apart; without it every repository on GitHub is trusted."""
    (trust,) = BOOTSTRAP["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    issuer = "token.actions.githubusercontent.com"
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Condition"] == {
        "StringEquals": {
            f"{issuer}:aud": "sts.amazonaws.com",
            f"{issuer}:sub": {"Fn::Sub": "repo:${Repository}:environment:${Environment}"},
        }
    }


def test_the_pipeline_itself_can_change_nothing_but_its_stack() -> None:
    """Whatever else it does, CloudFormation does, as a role that only CloudFormation can be."""
    actions = {action for each in policy("DeployRole", "Deploy") for action in listed(each["Action"])}
    changing = {
        action
        for action in actions
        if not action.split(":")[1].startswith(("Describe", "Get", "List", "Validate", "GET"))
        and not action.startswith(("cloudformation:", "s3:"))
    }
    assert changing == {"iam:PassRole", "sts:AssumeRole"}
    (smoke,) = (each for each in policy("DeployRole", "Deploy") if each["Action"] == "sts:AssumeRole")
    assert smoke["Resource"]["Fn::Sub"].endswith(":role/ticket-system-${Environment}-SmokeRole-*")
    (trust,) = BOOTSTRAP["ExecutionRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "cloudformation.amazonaws.com"}
    for each in policy("DeployRole", "Deploy"):
        if listed(each["Action"])[0].startswith("cloudformation:") and each["Sid"] == "ChangeThisStack":
            assert each["Condition"] == {
                "ArnEqualsIfExists": {"cloudformation:RoleArn": {"Fn::GetAtt": ["ExecutionRole", "Arn"]}}
            }


def test_no_role_is_made_without_the_boundary() -> None:
    """Otherwise whoever changes the template could make a role that may do everything."""
    for each in policy("ExecutionRole", "Change"):
        for action in listed(each["Action"]):
            if each["Effect"] == "Allow" and action in {
                *("iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy")
            }:
                assert each["Condition"] == {"ArnEquals": {"iam:PermissionsBoundary": {"Ref": "Boundary"}}}
            assert action not in {"*", "iam:*"}
            assert not fnmatch("iam:DeleteRolePermissionsBoundary", action) or each["Effect"] == "Deny"


def test_every_role_of_the_stack_has_the_boundary(transformed: dict[str, Any]) -> None:
    roles = {
        name: each["Properties"] for name, each in transformed["Resources"].items() if each["Type"] == "AWS::IAM::Role"
    }
    assert len(roles) > 60
    for name, role in roles.items():
        condition, arn, without = role["PermissionsBoundary"]["Fn::If"]
        assert condition == "HasBoundary", name
        assert arn == {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${PermissionsBoundary}"}
        assert without == {"Ref": "AWS::NoValue"}


def test_the_environments_name_the_boundary_and_their_stack_as_the_bootstrap_does() -> None:
    assert BOOTSTRAP["Boundary"]["Properties"]["ManagedPolicyName"] == {
        "Fn::Sub": "ticket-system-${Environment}-boundary"
    }
    for name, content in tomllib.loads((ROOT / "samconfig.toml").read_text()).items():
        if name not in {"default", "version", "local"}:
            assert content["global"]["parameters"]["stack_name"] == f"ticket-system-{name}"
            overrides = content["deploy"]["parameters"]["parameter_overrides"]
            assert f"PermissionsBoundary=ticket-system-{name}-boundary" in overrides


def test_the_boundary_takes_nothing_from_any_role(transformed: dict[str, Any]) -> None:
    document = BOOTSTRAP["Boundary"]["Properties"]["PolicyDocument"]
    allowed = [
        action for each in statements(document) if each["Effect"] == "Allow" for action in listed(each["Action"])
    ]
    denied = [
        action
        for each in statements(document)
        if each["Effect"] == "Deny" and each["Resource"] == "*"
        for action in listed(each["Action"])
    ]
    used = {action for each in session_statements() for action in listed(each["Action"])}
    for resource in transformed["Resources"].values():
        policies = resource["Properties"].get("Policies", []) if resource["Type"] == "AWS::IAM::Role" else []
        documents = [each["PolicyDocument"] for each in map(unconditional, policies)]
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            documents.append(resource["Properties"]["PolicyDocument"])
        used |= {action for document in documents for each in statements(document) for action in listed(each["Action"])}
    assert len(used) > 40
    assert {each for each in used if not any(fnmatch(each, action) for action in allowed)} == set()
    assert {each for each in used if any(fnmatch(each, action) for action in denied)} == set()


def unconditional(value: dict[str, Any]) -> dict[str, Any]:
    return value["Fn::If"][1] if "Fn::If" in value else value


def session_statements() -> Iterator[dict[str, Any]]:
    """Yield what a role keeps when it acts for one tenant (TenantIsolation=strict)."""
    yield from statements(parsed(session_policy("acme")))


def test_cloudformation_may_make_all_kinds_of_resources_that_the_template_has(transformed: dict[str, Any]) -> None:
    services = {SERVICES[each["Type"].split("::")[1]] for each in transformed["Resources"].values()}
    allowed = {
        action.split(":")[0]
        for each in policy("ExecutionRole", "Change")
        if each["Effect"] == "Allow"
        for action in listed(each["Action"])
    }
    assert services - allowed == set()


@pytest.mark.parametrize("resource", ["ApiGatewayAccount", "ApiGatewayLogsRole", "GitHub"])
def test_what_other_environments_of_the_account_use_stays(resource: str) -> None:
    assert BOOTSTRAP[resource]["DeletionPolicy"] == "Retain"
