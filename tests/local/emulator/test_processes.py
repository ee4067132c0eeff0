"""Processes of functions: what they are given is all that they have, and they end when they are to."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.emulator.processes import ForkServer, Process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, processes are started anew")

SCRIPT = """
import json, os, sys
seen = {"env": dict(os.environ), "cwd": os.getcwd(), "parent": os.getppid(), "boto3": "boto3" in sys.modules}
print(json.dumps(seen), flush=True)
print(sys.stdin.readline().strip(), file=sys.stderr)
sys.stdin.read()
"""
ENVIRONMENT = {"PATH": os.defpath, "GREETING": "Grüße"}


@pytest.fixture(scope="module")
def server() -> ForkServer:
    return ForkServer(sys.executable)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def seen_by(process: Process) -> dict[str, Any]:
    """Return what a process says first."""
    seen: dict[str, Any] = json.loads(process.stdout.readline())
    return seen


def start(server: ForkServer, script: Path) -> Process:
    return server.start(str(script), cwd=str(script.parent), env=ENVIRONMENT)


def test_a_process_has_its_own_environment_folder_and_streams(server: ForkServer, script: Path) -> None:
    process = start(server, script)
    seen = seen_by(process)
    assert seen["env"] == ENVIRONMENT
    assert seen["cwd"] == str(script.parent)
    assert seen["boto3"]
    process.stdin.write("Said\n")
    assert process.stderr.readline() == "Said\n"
    assert process.poll() is None
    process.stdin.close()
    assert process.wait(10) == 0


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_a_process_ends_when_told_and_the_others_go_on(server: ForkServer, script: Path, end: str) -> None:
    process, other = start(server, script), start(server, script)
    seen_by(process)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.1)
    getattr(process, end)()
    process.wait(10)
    process.terminate()  # one that has ended
    other.stdin.write("Still here\n")
    assert other.stderr.readline() == "Still here\n"
    other.kill()


def test_a_server_that_was_killed_is_started_again(server: ForkServer, script: Path) -> None:
    first = start(server, script)
    parent = seen_by(first)["parent"]
    os.kill(parent, signal.SIGKILL)
    second = start(server, script)
    assert seen_by(second)["parent"] != parent
    for process in (first, second):
        process.kill()
        process.wait(10)
