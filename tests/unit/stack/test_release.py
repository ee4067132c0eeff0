"""Releasing: how a first deployment differs, what no update may do, and who may become somebody on AWS, when."""

import json
import re
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from stack import release
from tests.unit.support import ROOT, template

WORKFLOWS: dict[str, dict[str, Any]] = {
    path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "workflows").glob("*.yml")
}


@pytest.mark.parametrize(
    ("status", "first"),
    [
        (None, True),
        ("REVIEW_IN_PROGRESS", True),
        ("CREATE_FAILED", True),
        ("CREATE_COMPLETE", False),
        ("UPDATE_ROLLBACK_COMPLETE", False),
    ],
)
def test_a_first_deployment_keeps_what_it_made_until_it_is_complete(status: str | None, *, first: bool) -> None:
    client = boto3.client("cloudformation", region_name="us-east-1")
    with Stubber(client) as stubber:
        if status is None:
            text = "Stack with id ticket-system-prod does not exist"
            stubber.add_client_error("describe_stacks", "ValidationError", text)
        else:
            stack = {"StackName": "ticket-system-prod", "CreationTime": 0, "StackStatus": status}
            stubber.add_response("describe_stacks", {"Stacks": [stack]})
        assert release.is_first(client, "ticket-system-prod") == first
    sam = release.command("prod", "arn:aws:iam::123456789012:role/execution", first=first)
    assert sam[1:6] == ["deploy", "--config-env", "prod", "--role-arn", "arn:aws:iam::123456789012:role/execution"]
    assert ("--disable-rollback" in sam) == first
    assert "--role-arn" not in release.command("dev", None, first=first)


def test_a_stack_that_can_not_be_read_is_not_taken_for_a_new_one() -> None:
    client = boto3.client("cloudformation", region_name="us-east-1")
    with Stubber(client) as stubber:
        stubber.add_client_error("describe_stacks", "AccessDenied", "not authorized")
        with pytest.raises(ClientError, match="not authorized"):
            release.is_first(client, "ticket-system-prod")


def test_no_update_replaces_or_deletes_what_holds_data() -> None:
    everything, data = json.loads(release.POLICY.read_text())["Statement"]
    assert (everything["Effect"], everything["Action"], everything["Resource"]) == ("Allow", "Update:*", "*")
    assert (data["Effect"], set(data["Action"])) == ("Deny", {"Update:Delete", "Update:Replace"})
    kept = {
        each["Type"]
        for each in template()["Resources"].values()
        if each.get("DeletionPolicy") == "RetainExceptOnCreate"
    }
    assert kept - {"AWS::Logs::LogGroup"} == set(data["Condition"]["StringEquals"]["ResourceType"])


def test_only_the_job_that_deploys_can_become_somebody_on_aws() -> None:
    """Tests and builds run what others wrote; whoever can ask GitHub for a token of the environment can deploy."""
    with_token = {
        (name, job)
        for name, workflow in WORKFLOWS.items()
        for job, content in workflow["jobs"].items()
        if "uses" not in content and content.get("permissions", workflow["permissions"]).get("id-token") == "write"
    }
    assert with_token == {("deploy-environment", "deploy")}
    deploy = WORKFLOWS["deploy-environment"]["jobs"]["deploy"]
    assert deploy["environment"] == "${{ inputs.environment }}"
    steps = [each.get("uses", each.get("run", "")) for each in deploy["steps"]]
    (credentials,) = (place for place, step in enumerate(steps) if "configure-aws-credentials" in step)
    assert steps[credentials + 1 :] == ['make release ENVIRONMENT="$ENVIRONMENT"']
    assert not any("sam build" in step or "test" in step for step in steps)
    assert {each["uses"] for each in WORKFLOWS["deploy"]["jobs"].values()} == {
        "./.github/workflows/checks.yml",
        "./.github/workflows/deploy-environment.yml",
    }


def test_the_guide_shows_what_sam_prints() -> None:
    shown = re.findall(r"^Key +(\w+)$", (ROOT / "docs" / "deploying.md").read_text(), re.MULTILINE)
    assert shown == [name for name, each in template()["Outputs"].items() if "Condition" not in each]
