"""A stack of its own, whose calls of AWS can be made to fail while it runs."""

import shutil
from collections.abc import Iterator

import pytest

from local.settings import STACK_NAME
from tests.faults.rules import Faults
from tests.harness.stack import PARAMETERS, Stack, launch


@pytest.fixture(scope="session")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Faults:
    return Faults(tmp_path_factory.mktemp("faults") / "faults.json")


@pytest.fixture(scope="session")
def faulty(stack: Stack, faults: Faults, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """What is on the disk of a deployed stack is enough to start from."""
    copy = tmp_path_factory.mktemp("faulty") / "state"
    shutil.copytree(stack.state, copy, ignore=shutil.ignore_patterns("lock", "logs", "tmp"))
    # Each delivery to a webhook is tried ten times: one in five fails.
    parameters = PARAMETERS.replace("WebhookRetrySeconds=1,1", f"WebhookRetrySeconds={','.join('1' * 9)}")
    running = launch(copy, LOCAL_FAULTS=str(faults.path), LOCAL_PARAMETERS=parameters)
    try:
        running.wait_until_ready()
        _bring_back_soon(running)
        yield running
    finally:
        running.stop()


def _bring_back_soon(stack: Stack) -> None:
    """Let what consumers have failed with come again sooner than in minutes, yet not before they are done with it."""
    cloudformation, sqs = stack.client("cloudformation"), stack.client("sqs")
    waits = {"MailEventsQueue": 75, "DispatchWebhooksQueue": 75, "WebhookDeliveriesQueue": 40}
    waits |= {"ScansQueue": 40, "UploadsQueue": 40}
    # A pass over an index may be made twice at once, and is then: nothing but the queue's groups prevents it.
    waits |= {"SearchChangesQueue": 20, "SearchIndexingQueue": 5}
    for name, seconds in waits.items():
        found = cloudformation.describe_stack_resource(StackName=STACK_NAME, LogicalResourceId=name)
        url = found["StackResourceDetail"]["PhysicalResourceId"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})
