"""Stacks of a test's own, made without a deployment."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.bucket import Bucket, template
from tests.harness.stack import Stack, copy_state, launch

type Launch = Callable[..., Stack]


@pytest.fixture
def own_state(stack: Stack, tmp_path: Path) -> Path:
    """A state folder with a deployed stack in it."""
    state = tmp_path / "state"
    copy_state(stack.state, state)
    return state


@pytest.fixture
def start(own_state: Path) -> Iterator[Launch]:
    """Start stacks that are ended with the test."""
    started: list[Stack] = []

    def start(**options: object) -> Stack:
        # No call of this machine takes a developer's proxy, and no function finds their modules.
        theirs = {"HTTP_PROXY": "http://127.0.0.1:9", "PYTHONPATH": str(own_state)}
        running = launch(own_state, **{**theirs, **options})  # type: ignore[arg-type]
        started.append(running)
        running.wait_until_ready()
        return running

    yield start
    for running in started:
        running.stop()


@pytest.fixture(scope="session")
def bucket(stack: Stack) -> Bucket:
    """A bucket as that of the attachments is, which all tests share: each has keys of its own."""
    made = Bucket(stack, "files-of-tests")
    made.deploy(template(made.name))
    return made
