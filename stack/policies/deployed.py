"""The policies of template.yaml as CloudFormation deploys them: parameters, conditions, names and ARNs are put in.

For what reads them without a deployment: the linter, and tests that evaluate them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from stack.compose import ROOT
from stack.template import parsed

REGION: Final = "us-east-1"
ACCOUNT: Final = "123456789012"
_HERE: Final = f"{REGION}:{ACCOUNT}"
_PROPERTIES: Final = ("AssumeRolePolicyDocument", "Policies", "PolicyDocument")
"""Where a resource has its policies."""

_NOTHING: Final = object()
"""What `!Ref AWS::NoValue` answers: the entry that has it is removed."""

_PSEUDO_PARAMETERS: Final = {
    "AWS::AccountId": ACCOUNT,
    "AWS::NoValue": _NOTHING,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "tickets",
    "AWS::URLSuffix": "amazonaws.com",
}
# What `!Ref` and attributes in `!Sub` are, where it is an ARN; `{}` stands for the resource's name.
_ARNS: Final = {
    ("AWS::Cognito::UserPool", "Arn"): f"arn:aws:cognito-idp:{_HERE}:userpool/{REGION}_{{}}",
    ("AWS::DynamoDB::Table", "Arn"): f"arn:aws:dynamodb:{_HERE}:table/{{}}",
    ("AWS::DynamoDB::Table", "StreamArn"): f"arn:aws:dynamodb:{_HERE}:table/{{}}/stream/label",
    ("AWS::Events::EventBus", "Arn"): f"arn:aws:events:{_HERE}:event-bus/{{}}",
    ("AWS::Events::Rule", "Arn"): f"arn:aws:events:{_HERE}:rule/{{}}",
    ("AWS::IAM::Role", "Arn"): f"arn:aws:iam::{ACCOUNT}:role/{{}}",
    ("AWS::Logs::LogGroup", "Arn"): f"arn:aws:logs:{_HERE}:log-group:{{}}:*",
    ("AWS::S3::Bucket", "Arn"): "arn:aws:s3:::{}",
    ("AWS::SNS::Topic", "Ref"): f"arn:aws:sns:{_HERE}:{{}}",
    ("AWS::SQS::Queue", "Arn"): f"arn:aws:sqs:{_HERE}:{{}}",
    ("AWS::Serverless::Function", "Arn"): f"arn:aws:lambda:{_HERE}:function:{{}}",
    ("AWS::Serverless::StateMachine", "Ref"): f"arn:aws:states:{_HERE}:stateMachine:{{}}",
}


@dataclass(frozen=True)
class Policy:
    """A policy document and the resource that it is a part of, by its name in the template."""

    owner: str
    document: dict[str, Any]

    @property
    def statements(self) -> list[dict[str, Any]]:
        """The statements of the document."""
        statements: list[dict[str, Any]] = self.document["Statement"]
        return statements


def policies(**parameters: str) -> list[Policy]:
    """Return all policies of the template: of roles, their trust, state machines and queues.

    Parameters
    ----------
    **parameters
        Values in the place of the template's defaults.

    Raises
    ------
    ValueError
        If a parameter is none of the template's, or a policy names something whose ARN is not known here.
    """
    deployment = _Deployment(parameters)
    return [
        Policy(name, document)
        for name, resource in _template()["Resources"].items()
        for place in _PROPERTIES
        for document in _documents(deployment.resolved(resource.get("Properties", {}).get(place)))
    ]


@cache
def _template() -> dict[str, Any]:
    template: dict[str, Any] = parsed((ROOT / "template.yaml").read_text(encoding="utf-8"))
    return template


def _documents(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 (a document, or a list of them or of named ones)
    if isinstance(value, list):
        for each in value:
            yield from _documents(each.get("PolicyDocument", each))
    elif value is not None and "Statement" in value:  # a user pool's `Policies` are about passwords
        yield value


class _Deployment:
    """The template with the values of its parameters."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        declared = _template()["Parameters"]
        if unknown := parameters.keys() - declared.keys():
            message = f"no parameters of the template: {', '.join(sorted(unknown))}"
            raise ValueError(message)
        self._parameters = {name: str(each.get("Default", "")) for name, each in declared.items()} | dict(parameters)

    def resolved(self, value: Any) -> Any:  # noqa: ANN401, PLR0911 (any JSON value; a case each)
        """Return a value without CloudFormation's functions."""
        match value:
            case {"Ref": name}:
                return self._named(name, "Ref")
            case {"Fn::Split": [separator, str(text)]}:
                return text.split(separator)
            case {"Fn::Sub": text}:
                return re.sub(r"\$\{([\w:]+)\.?(\w*)\}", lambda found: self._named(found[1], found[2] or "Ref"), text)
            case {"Fn::If": [condition, then, otherwise]}:
                return self.resolved(then if self._holds({"Condition": condition}) else otherwise)
            case dict():
                pairs = [(key, self.resolved(each)) for key, each in value.items()]
                return {key: each for key, each in pairs if each is not _NOTHING}
            case list():
                return [each for each in map(self.resolved, value) if each is not _NOTHING]
        return value

    def _named(self, name: str, attribute: str) -> Any:  # noqa: ANN401 (text, or nothing)
        if attribute == "Ref" and name in _PSEUDO_PARAMETERS:
            return _PSEUDO_PARAMETERS[name]
        if attribute == "Ref" and name in self._parameters:
            return self._parameters[name]
        resource = _template()["Resources"][name]
        kind = resource["Type"]
        if (kind, attribute) == ("AWS::SSM::Parameter", "Value"):
            return self.resolved(resource["Properties"]["Value"])
        if (kind, attribute) in _ARNS:
            return _ARNS[kind, attribute].format(name)
        if attribute in {"Ref", "Name"}:
            return name
        message = f"stack/policies/deployed.py does not know {attribute} of {name} ({kind})"
        raise ValueError(message)

    def _holds(self, condition: Mapping[str, Any]) -> bool:
        match condition:
            case {"Condition": name}:
                return self._holds(_template()["Conditions"][name])
            case {"Fn::Equals": [one, other]}:
                return bool(self.resolved(one) == self.resolved(other))
            case {"Fn::Not": [each]}:
                return not self._holds(each)
            case {"Fn::And": parts}:
                return all(map(self._holds, parts))
            case {"Fn::Or": parts}:
                return any(map(self._holds, parts))
        message = f"stack/policies/deployed.py does not know this condition: {condition}"
        raise ValueError(message)
