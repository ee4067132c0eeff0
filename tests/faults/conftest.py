"""A stack of its own, whose calls of AWS can be made to fail while it runs."""

import shutil
from collections.abc import Iterator

import pytest

from tests.faults.rules import Faults
from tests.stack import Stack, launch


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
