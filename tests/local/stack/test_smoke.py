"""What is looked at after a deployment: nothing is wrong with the local stack, and each check can find something."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import boto3
import pytest

from local.settings import REGION, STACK_NAME
from stack.smoke import __main__ as smoke
from stack.smoke import api, attributes, files, live, resources
from stack.smoke.deployment import Check, Deployment
from tests.harness.stack import Stack


@pytest.fixture
def deployment(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.aws_endpoint)
    monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    found = Deployment.of(STACK_NAME, boto3.Session(), stack.base_url, stack.live_url)
    for table in ("NotificationsTableName", "SearchTableName", "TicketsTableName", "UsersTableName"):
        # The emulator leaves out what the template says of it.
        found.session.client("dynamodb").update_continuous_backups(
            TableName=found.outputs[table], PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    return found


def test_nothing_is_wrong(deployment: Deployment, stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    assert deployment.api_url == stack.base_url
    assert smoke.main([STACK_NAME, "--api", stack.base_url, "--live", stack.live_url]) == 0
    assert capsys.readouterr().out.splitlines() == [
        *(f"ok      {check.__name__}" for check in smoke.CHECKS),
        f"OK: {attributes.NAMED_IF_PRESENT.text}",
    ]


OPEN_BUCKET = "smoke-test-of-an-open-bucket"


@pytest.fixture
def _open_bucket(deployment: Deployment) -> Iterator[None]:
    """A bucket that has neither a policy nor versions."""
    client = deployment.session.client("s3")
    client.create_bucket(Bucket=OPEN_BUCKET)
    yield
    client.delete_bucket(Bucket=OPEN_BUCKET)


def elsewhere(deployment: Deployment) -> Deployment:
    """Return the deployment with the open bucket in the place of its own."""
    return replace(deployment, outputs={**deployment.outputs, "AttachmentsBucketName": OPEN_BUCKET})


@contextmanager
def open_to_its_roles(deployment: Deployment) -> Iterator[None]:
    """Take the bucket's policy away meanwhile."""
    client, bucket = deployment.session.client("s3"), deployment.outputs["AttachmentsBucketName"]
    policy = client.get_bucket_policy(Bucket=bucket)["Policy"]
    client.delete_bucket_policy(Bucket=bucket)
    try:
        yield
    finally:
        client.put_bucket_policy(Bucket=bucket, Policy=policy)


OTHERWISE: dict[Check, Callable[[Deployment], Deployment]] = {
    resources.outputs_are_there: lambda it: replace(it, outputs={**it.outputs, "LiveUrl": ""}),
    resources.state_machines_are_valid: lambda it: replace(it, name=f"{it.name}-of-nobody"),
    resources.tables_keep_what_they_should: lambda it: replace(it, parameters={"DeletionProtection": "true"}),
    files.the_buckets_are_closed: elsewhere,
    api.strangers_are_refused: lambda it: replace(it, api_url=f"{it.api_url}/somewhere"),
    api.browsers_may_ask: lambda it: replace(it, parameters={"CorsOrigins": "https://desk.example.com"}),
    api.every_call_counts: lambda it: replace(it, outputs={**it.outputs, "ApiId": "another"}),
    api.alarms_know_the_api: lambda it: replace(it, name="another"),
    live.strangers_can_not_connect: lambda it: replace(it, live_url=f"{it.live_url}/somewhere"),
}
"""What each check must find something wrong with."""


@pytest.mark.usefixtures("_open_bucket")
@pytest.mark.parametrize("check", smoke.CHECKS, ids=lambda check: check.__name__)
def test_each_check_can_find_something(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, check: Check) -> None:
    assert check(deployment) == []
    if check is api.every_call_counts:
        contract: list[Any] = [("/v1/tickets", "get", True), ("/v1/nothing", "get", False)]
        monkeypatch.setattr(api, "_operations", lambda: contract)
        wrong = api.every_call_counts(deployment)
        assert "GET /v1/nothing is missing." in wrong
        assert "GET /v1/tickets has apiKeyRequired True and authorizationType CUSTOM." in wrong
    elif check is resources.state_machines_are_valid:
        monkeypatch.setitem(deployment.__dict__, "resources", {})
        assert check(deployment) == ["The stack has no state machine."]
    elif check is files.unscanned_files_are_not_read:
        with open_to_its_roles(deployment):
            assert check(deployment)
    else:
        assert check(OTHERWISE[check](deployment))
