"""The state machine that deletes a tenant: its steps in their order, each until it is done, whatever fails."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]

from tests.workflow.interpreter import INVOKE, Call, Fault, Script, failing
from ticketing.erasure.eraser import STEPS

FILE = Path(__file__).parents[2] / "statemachines" / "tenant_deletion.asl.yaml"
DEFINITION: dict[str, Any] = yaml.safe_load(FILE.read_text())
STATES: dict[str, dict[str, Any]] = DEFINITION["States"]
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:erase-tenant"
SETTLE = 120
TEXT = json.dumps(DEFINITION).replace("${EraseTenantFunction}", FUNCTION).replace("${SettleSeconds}", str(SETTLE))


def answers(*, done: bool) -> Fault:
    """The function answers, without being called."""
    return lambda _call: {"StatusCode": 200, "Payload": {"done": done, "tickets": 3}}


type Deletion = Callable[[Any], dict[str, Any]]
"""Runs the state machine once on an input and returns how the execution ended."""

DONE, MORE = answers(done=True), answers(done=False)


def steps(script: Script) -> list[str]:
    """Return the steps that the function was asked for, in order."""
    assert all(request["FunctionName"] == FUNCTION for request in script.requests[INVOKE])
    assert {request["Payload"]["tenantId"] for request in script.requests[INVOKE]} == {"acme"}
    return [request["Payload"]["step"] for request in script.requests[INVOKE]]


def test_the_steps_are_those_of_the_function_in_its_order(deletion: Deletion, script: Script) -> None:
    script.faults[INVOKE] = [DONE] * len(STEPS)
    assert deletion({"tenantId": "acme"})["status"] == "SUCCEEDED"
    assert steps(script) == list(STEPS)


@pytest.mark.parametrize(
    "wrong", [{}, {"tenantId": ""}, {"tenantId": "a#b"}, {"tenantId": 5}, {"tenantId": "acme", "step": "end"}, [], "x"]
)
def test_what_names_no_tenant_erases_nothing(deletion: Deletion, script: Script, wrong: Any) -> None:
    answer = deletion(wrong)
    assert (answer["status"], answer["error"]) == ("FAILED", "TenantDeletion.InvalidRequest")
    assert script.requests[INVOKE] == []


def test_each_step_is_repeated_until_it_is_done(deletion: Deletion, script: Script) -> None:
    script.faults[INVOKE] = [MORE, MORE, DONE, MORE, DONE, MORE, DONE, DONE, DONE, MORE, DONE]
    assert deletion({"tenantId": "acme"})["status"] == "SUCCEEDED"
    assert steps(script) == [
        *["users"] * 3,
        *["tickets"] * 2,
        *["attachments"] * 2,
        "notifications",
        "search",
        *["end"] * 2,
    ]


def test_requests_under_way_have_ended_before_tickets_go(deletion: Deletion, script: Script) -> None:
    waited: list[list[float]] = []

    def tickets(call: Call) -> Any:
        waited.append(list(script.waits))
        return DONE(call)

    script.faults[INVOKE] = [DONE, tickets, DONE, DONE, DONE, DONE]
    deletion({"tenantId": "acme"})
    assert waited == [[SETTLE]] == [script.waits]


@pytest.mark.parametrize("number", range(len(STEPS)))
@pytest.mark.parametrize(
    "error",
    ["Lambda.TooManyRequestsException", "Lambda.ServiceException", "EndpointConnectionError", "States.Timeout"],
)
def test_a_failed_step_is_repeated(deletion: Deletion, script: Script, number: int, error: str) -> None:
    script.faults[INVOKE] = [DONE] * number + [failing(error)] * 10 + [DONE] * (len(STEPS) - number)
    assert deletion({"tenantId": "acme"})["status"] == "SUCCEEDED"
    failed = list(STEPS)[number]
    assert steps(script) == [step for step in STEPS for _ in range(11 if step == failed else 1)]


def test_what_keeps_failing_fails_the_execution_and_erases_nothing_further(deletion: Deletion, script: Script) -> None:
    script.faults[INVOKE] = [DONE] + [failing("ThrottledError", "Too much.")] * 11
    answer = deletion({"tenantId": "acme"})
    assert (answer["status"], answer["error"]) == ("FAILED", "ThrottledError")
    assert steps(script) == ["users"] + ["tickets"] * 11


def test_retries_start_anew_when_a_step_goes_on(deletion: Deletion, script: Script) -> None:
    script.faults[INVOKE] = [*[failing("A")] * 10, MORE, *[failing("A")] * 10, *[DONE] * len(STEPS)]
    assert deletion({"tenantId": "acme"})["status"] == "SUCCEEDED"


# --- the definition as a text ----------------------------------------------------------------------------------------


def test_cfn_lint_has_nothing_to_say() -> None:
    properties = {
        "RoleArn": "arn:aws:iam::123456789012:role/deletion",
        "StateMachineType": "STANDARD",
        # It takes no other partition.
        "Definition": json.loads(json.dumps(DEFINITION).replace("${Partition}", "aws")),
        "DefinitionSubstitutions": {"EraseTenantFunction": FUNCTION, "SettleSeconds": str(SETTLE)},
    }
    template = {"Resources": {"Deletion": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}
    assert [match.message for match in lint(json.dumps(template), config=ManualArgs(regions=["us-east-1"]))] == []


def test_every_state_is_reached_and_says_what_it_is() -> None:
    reached: set[str] = set()
    coming = [DEFINITION["StartAt"]]
    while coming:
        name = coming.pop()
        if name not in reached:
            reached.add(name)
            parts = [STATES[name], *STATES[name].get("Choices", [])]
            coming += [part[key] for part in parts for key in ("Next", "Default") if key in part]
    assert reached == STATES.keys()
    assert all(state["Comment"] for state in STATES.values())


def test_tasks_differ_in_their_step_alone() -> None:
    alike = []
    for state in TASKS.values():
        task = json.loads(json.dumps(state))
        assert task["Arguments"]["Payload"].pop("step") in STEPS
        alike.append({name: part for name, part in task.items() if name not in {"Comment", "Next"}})
    assert len(alike) == len(STEPS)
    assert all(task == alike[0] for task in alike)
    (retry,) = alike[0]["Retry"]
    assert retry["ErrorEquals"] == ["States.ALL"]


def test_the_file_is_ascii() -> None:
    """CloudFormation reads it from S3 without being told of an encoding."""
    assert FILE.read_text().isascii()
