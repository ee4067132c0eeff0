"""A stack of its own, whose calls of AWS can be made to fail while it runs."""

from collections.abc import Iterator

import pytest

from local.settings import STACK_NAME
from tests.faults.rules import Faults
from tests.harness.stack import Stack, copy_state, launch


@pytest.fixture(scope="session")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Faults:
    return Faults(tmp_path_factory.mktemp("faults") / "faults.json")


@pytest.fixture(scope="session")
def faulty(stack: Stack, faults: Faults, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    state = tmp_path_factory.mktemp("faulty") / "state"
    copy_state(stack.state, state)
    running = launch(state, LOCAL_FAULTS=str(faults.path))
    try:
        running.wait_until_ready()
        _deliver_often(running)
        _bring_back_soon(running)
        yield running
    finally:
        running.stop()


def _deliver_often(stack: Stack) -> None:
    """Let each delivery to a webhook be tried ten times: one in five fails."""
    cloudformation, functions = stack.client("cloudformation"), stack.client("lambda")
    found = cloudformation.describe_stack_resource(StackName=STACK_NAME, LogicalResourceId="DeliverWebhookFunction")
    name = found["StackResourceDetail"]["PhysicalResourceId"]
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    variables |= {"WEBHOOK_RETRY_SECONDS": ",".join("1" * 9)}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


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
