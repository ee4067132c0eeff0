"""The state machines' JSONata, evaluated by the emulator and by the reference implementation with the same result.

Step Functions on AWS follows the reference. The emulator has a port of it, so a difference would show on AWS only.
"""

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ministack.services import stepfunctions as interpreter

from tests.harness.node import installed_packages, node
from tests.workflow.interpreter import INVOKE, WRITE, Script, after, cancelled, failing
from tests.workflow.machine import AGENT, OWN_REPORTER, SOMEBODY, Actor, Machine, Values, definition, new_ticket
from tests.workflow.test_definition import texts
from tests.workflow.test_requests import INVALID, VALID, minimal
from tests.workflow.test_tenant_deletion import DEFINITION as DELETION
from tests.workflow.test_tenant_deletion import DONE, MORE, Deletion
from ticketing.access.roles import Role
from ticketing.tickets.lifecycle import Status

HERE = Path(__file__).parent
SAID = {"body": "x", "mentions": [SOMEBODY], "key": SOMEBODY, "requestHash": "0" * 64}

type Evaluation = dict[str, Any]
"""An expression with `states` and `variables`, and its `value`, or `error` if it has none."""


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Evaluation]]:
    """All that the emulator evaluates. What is drawn by chance is drawn before, as both have to use the same."""
    seen: list[Evaluation] = []
    evaluate = interpreter._evaluate_jsonata

    def recorded(expression: str, raw_input: Any, ctx: Any = None, result: Any = None, error_output: Any = None) -> Any:
        drawn = {
            "$uuid()": f"'{uuid.uuid4()}'",
            "$millis()": str(time.time_ns() // 1_000_000),
            "$now()": "'2026-03-01T12:00:00.000Z'",
        }
        asked = expression
        for call, value in drawn.items():
            asked = asked.replace(call, value)
        states = {"input": raw_input, "result": result, "errorOutput": error_output}
        evaluation = {"written": expression, "expression": asked, "states": states, "variables": ctx["variables"]}
        seen.append(json.loads(json.dumps(evaluation)))
        try:
            value = evaluate(asked, raw_input, ctx, result, error_output)
        except interpreter._ExecutionError:
            seen[-1]["error"] = True
            raise
        seen[-1]["value"] = json.loads(json.dumps(value))
        return value

    monkeypatch.setattr(interpreter, "_evaluate_jsonata", recorded)
    yield seen
    asked = [{name: each[name] for name in ("expression", "states", "variables")} for each in seen]
    answers = json.loads(node(installed_packages(HERE).parent, "reference.mjs", stdin=json.dumps(asked)))
    assert len(answers) == len(seen)
    for ours, reference in zip(seen, answers, strict=True):
        # An undefined result has no value in JSON; Step Functions takes it for an error.
        expected = reference.get("value", "nothing") if "error" not in reference else "nothing"
        assert ours.get("value", "nothing") == expected, ours["written"]


def expressions(machine: Any) -> set[str]:
    """Return the expressions of a definition whose substitutions were made."""
    return {text[2:-2].strip() for text in texts(machine) if text.startswith("{%")}


@pytest.mark.long
def test_the_lifecycle(embedded: Machine, script: Script, evaluations: list[Evaluation]) -> None:
    for rest in [*VALID, *(wrong for wrong, _ in INVALID)]:
        embedded.run(minimal(embedded.put(new_ticket())) | rest)
    for actor in (AGENT, OWN_REPORTER, Actor(SOMEBODY, Role.REPORTER), Actor(SOMEBODY, Role.SYSTEM)):
        for source in Status:
            for target in Status:
                embedded.move(embedded.put(new_ticket(source)), target, actor, new_comment=SAID, comment="Because.")
    without: Values = {"assignedToId": None, "resolution": None, "tags": []}
    for target in (Status.IN_PROGRESS, Status.RESOLVED, Status.CLOSED):
        embedded.move(embedded.put(new_ticket(Status.OPEN, **without)), target)
        embedded.move(embedded.put(new_ticket(Status.OPEN)), target, fields=without, expected_version=6)
        embedded.move(embedded.put(new_ticket(Status.OPEN)), target, fields=without, expected_version=7)
    embedded.move(embedded.put(new_ticket(Status.RESOLVED)), Status.OPEN, fields={"resolution": "Not yet."})
    embedded.move(embedded.put(new_ticket(Status.CLOSED, closedAt="2026-01-01T00:00:00.000Z")), Status.OPEN)
    embedded.move(new_ticket(), Status.OPEN)
    embedded.move(embedded.put(new_ticket(deletedAt="2026-01-01T00:00:00.000Z")), Status.OPEN)
    embedded.move(embedded.put(new_ticket(status="LOST")), Status.OPEN)  # type: ignore[arg-type]
    for faults in (
        [cancelled("ThrottlingError", "None"), cancelled("None", "None", "None", "None", "ConditionalCheckFailed")],
        [cancelled("TransactionConflict", "None")] * 5,
        [cancelled("ValidationError", "None")],
        [failing("DynamoDb.ThrottlingException"), after(lambda: None)],
    ):
        script.faults[WRITE] = list(faults)
        embedded.move(embedded.put(new_ticket()), Status.OPEN, new_comment=SAID)
    written = {text.replace("${TicketsTable}", "tickets-with-faults") for text in expressions(definition())}
    assert written == {each["written"] for each in evaluations}


def test_the_deletion_of_a_tenant(deletion: Deletion, script: Script, evaluations: list[Evaluation]) -> None:
    script.faults[INVOKE] = [MORE, DONE, MORE, DONE, MORE, DONE, MORE, DONE]
    deletion({"tenantId": "acme"})
    nothing: list[Any] = [{}, {"tenantId": "a#b"}, {"tenantId": "acme", "step": "end"}, []]
    for wrong in nothing:
        deletion(wrong)
    written = {text.replace("${SettleSeconds}", "120") for text in expressions(DELETION)}
    assert written == {each["written"] for each in evaluations}
