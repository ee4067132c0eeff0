"""The state machine to test: deployed, and once more inside this process where faults can be scripted."""

import json
from typing import Any

import pytest

from tests.harness.stack import Stack
from tests.workflow import interpreter
from tests.workflow.machine import Machine
from tests.workflow.test_tenant_deletion import TEXT, Deletion


@pytest.fixture(scope="session")
def machine(unpublished: Stack) -> Machine:
    """The state machine as it is deployed."""
    stack, outputs = unpublished, unpublished.outputs
    return Machine(
        stack.client("dynamodb"),
        stack.client("stepfunctions"),
        outputs["TicketsTableName"],
        outputs["TicketLifecycleArn"],
    )


@pytest.fixture(scope="session")
def embedded() -> Machine:
    """The state machine in this process."""
    return interpreter.start()


@pytest.fixture(scope="session")
def deletion() -> Deletion:
    """The state machine that deletes a tenant, in this process: as an Express one, which can be waited for."""
    client = interpreter._client("stepfunctions", "states")
    arn = client.create_state_machine(
        name="tenant-deletion", type="EXPRESS", definition=TEXT, roleArn="arn:aws:iam::000000000000:role/deletion"
    )["stateMachineArn"]

    def run(given: Any) -> dict[str, Any]:
        answer: dict[str, Any] = client.start_sync_execution(stateMachineArn=arn, input=json.dumps(given))
        return answer

    return run


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> interpreter.Script:
    """What happens between the state machine in this process and its DynamoDB."""
    script = interpreter.Script()
    interpreter.follow(script, monkeypatch)
    return script
