"""The state machine to test: deployed, and once more inside this process where faults can be scripted."""

import pytest

from tests.harness.stack import Stack
from tests.workflow import interpreter
from tests.workflow.machine import Machine


@pytest.fixture(scope="session")
def machine(stack: Stack) -> Machine:
    """The state machine as it is deployed."""
    outputs = stack.outputs
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


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> interpreter.Script:
    """What happens between the state machine in this process and its DynamoDB."""
    script = interpreter.Script()
    interpreter.follow(script, monkeypatch)
    return script
