"""An emulator that is not the expected one is refused by name, at the start."""

import importlib.metadata
import time
from collections.abc import Callable
from dataclasses import replace as with_other
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from local import emulator
from local.emulator import EmulatorError, MiniStack
from local.patches import END_OF_LOG, _drain_stderr, require, rewritten, speed_up
from local.settings import Settings


def _run_execution(exec_arn: str) -> None:
    """As in a release that has dropped the pause."""
    time.sleep(len(exec_arn))


def module(**contents: object) -> ModuleType:
    made = ModuleType("ministack.services.example")
    vars(made).update(contents)
    return made


def ministack(**modules: ModuleType) -> MiniStack:
    return cast("MiniStack", SimpleNamespace(**modules))


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "1.6.0")
    settings = with_other(Settings.from_env({}), state=tmp_path)
    with pytest.raises(EmulatorError, match=r"ministack 1\.6\.0 is installed, but local/ was written for 1\.5"):
        emulator.load(settings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("function", [None, lambda: None, lambda table, item: (table, item)])
def test_a_missing_or_changed_function_is_named(function: Callable[..., Any] | None) -> None:
    contents = {} if function is None else {"_set_item": function}
    with pytest.raises(
        EmulatorError, match=r"example\._set_item\(table, pk_val\) is missing or takes other parameters"
    ):
        require(module(**contents), "_set_item", "table", "pk_val")


@pytest.mark.parametrize("text", ["", "sleep sleep"])
def test_a_changed_source_is_named(text: str) -> None:
    with pytest.raises(EmulatorError, match="the executor has changed"):
        rewritten(text, "sleep", "", "the executor")


def test_an_execution_without_its_pause_is_refused() -> None:
    changed = ministack(stepfunctions=module(_run_execution=_run_execution))
    with pytest.raises(EmulatorError, match=r"example\._run_execution has changed"):
        speed_up(changed)


def test_a_log_ends_where_the_worker_says_so() -> None:
    import queue  # noqa: PLC0415

    lines: queue.Queue[str] = queue.Queue()
    worker = SimpleNamespace(_stderr_queue=lines)
    for line in ("one", "two, without an end" + END_OF_LOG, "of the next call"):
        lines.put(line)
    began = time.monotonic()
    assert _drain_stderr(worker) == "one\ntwo, without an end"
    assert time.monotonic() - began < 0.05
    assert lines.get_nowait() == "of the next call"
