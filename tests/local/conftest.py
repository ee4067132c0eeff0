"""Stacks of a test's own, made without a deployment."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def starting(state: Path) -> Iterator[Launch]:
    """Start stacks that have this state, one after the other, and are ended at last."""
    started: list[Stack] = []

    def start(**options: object) -> Stack:
        # No call of this machine takes a developer's proxy, and no function finds their modules.
        theirs = {"HTTP_PROXY": "http://127.0.0.1:9", "PYTHONPATH": str(state)}
        running = launch(state, **{**theirs, **options})  # type: ignore[arg-type]
        started.append(running)
        running.wait_until_ready()
        return running

    yield start
    for running in started:
        running.stop()


@pytest.fixture
def start(own_state: Path) -> Iterator[Launch]:
    """Start stacks that are ended with the test."""
    with starting(own_state) as start:
        yield start


@pytest.fixture(scope="session")
def bucket(stack: Stack) -> Bucket:
    """A bucket as that of the attachments is, which all tests share: each has keys of its own."""
    made = Bucket(stack, "files-of-tests")
    made.deploy(template(made.name))
    return made
