"""A stack of its own, whose calls of AWS can be made to fail while it runs."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.stack import Stack, launch


@dataclass(frozen=True)
class Faults:
    """What fails, as local/faults.py reads it."""

    path: Path

    def set(self, *rules: dict[str, Any], seed: int = 0) -> None:
        """Let calls fail by these rules, and no others, from now on."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps({"seed": seed, "rules": rules}))
        fresh.replace(self.path)


@pytest.fixture(scope="session")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Faults:
    return Faults(tmp_path_factory.mktemp("faults") / "faults.json")


@pytest.fixture(scope="session")
def faulty(stack: Stack, faults: Faults, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """What is on the disk of a deployed stack is enough to start from."""
    copy = tmp_path_factory.mktemp("faulty") / "state"
    shutil.copytree(stack.state, copy, ignore=shutil.ignore_patterns("lock", "logs", "tmp"))
    running = launch(copy, LOCAL_FAULTS=str(faults.path))
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()
