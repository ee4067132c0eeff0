"""State machines: executions start at once, and the newest are kept."""

import time
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from local.aws import step_functions
from local.emulator.loading import EmulatorError, MiniStack


def _run_execution(exec_arn: str) -> None:
    """As in a release that has dropped the pause."""
    time.sleep(len(exec_arn))


def test_an_execution_without_its_pause_is_refused() -> None:
    module = ModuleType("ministack.services.example")
    vars(module)["_run_execution"] = _run_execution
    changed = cast("MiniStack", SimpleNamespace(stepfunctions=module))
    with pytest.raises(EmulatorError, match=r"example\._run_execution has changed"):
        step_functions.patch(changed)


def test_finished_executions_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_functions, "EXECUTIONS", 2)
    executions = {"waiting": {"status": "RUNNING"}}
    stepfunctions = cast("Any", ModuleType("stepfunctions"))
    stepfunctions._executions = SimpleNamespace(_data=executions)

    def run(exec_arn: str) -> None:
        executions[exec_arn] = {"status": "SUCCEEDED"}

    stepfunctions._run_execution = run
    step_functions._keep_newest_executions(stepfunctions)
    for name in "abcd":
        stepfunctions._run_execution(name)

    assert list(executions) == ["waiting", "c", "d"]
