"""An emulator that is not the expected one is refused by name, at the start."""

import importlib.metadata
from collections.abc import Callable
from dataclasses import replace as with_other
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from local.emulator import loading
from local.emulator.loading import EmulatorError
from local.emulator.patching import require, rewritten
from local.settings import Settings


def module(**contents: object) -> ModuleType:
    made = ModuleType("ministack.services.example")
    vars(made).update(contents)
    return made


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "1.6.0")
    settings = with_other(Settings.from_env({}), state=tmp_path)
    with pytest.raises(EmulatorError, match=r"ministack 1\.6\.0 is installed, but local/ was written for 1\.5"):
        loading.load(settings)
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
