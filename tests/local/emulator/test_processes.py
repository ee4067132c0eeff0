"""Processes of functions: what they are given is all that they have, and they end when they are to."""

import json
import os
import select
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
os.write(2, b"\\xff in Latin-1\\n")
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
    environment = ENVIRONMENT | {"LARGE": "x" * 3_000_000}  # no message between processes is cut at some size
    process = server.start(str(script), cwd=str(script.parent), env=environment)
    seen = seen_by(process)
    assert seen["env"] == environment
    assert seen["cwd"] == str(script.parent)
    assert seen["boto3"]
    process.stdin.write("Said\n")
    assert process.stderr.readline() == "Said\n"
    assert process.stderr.readline() == "\N{REPLACEMENT CHARACTER} in Latin-1\n"
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


def test_ctrl_c_lets_a_call_end(server: ForkServer, script: Path) -> None:
    process = start(server, script)
    seen_by(process)
    os.kill(process.pid, signal.SIGINT)
    process.stdin.write("Still here\n")
    assert process.stderr.readline() == "Still here\n"
    process.kill()


def test_a_process_whose_server_died_before_it_answered_ends(
    server: ForkServer, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, unheard_of = server._ask, list[int]()

    def ask_in_vain(message: bytes, streams: list[int]) -> tuple[int, int]:
        if unheard_of:
            return ask(message, streams)
        unheard_of.append(ask(message, streams)[1])
        raise ConnectionResetError

    monkeypatch.setattr(server, "_ask", ask_in_vain)
    process = start(server, script)
    assert select.select(unheard_of, [], [], 10)[0] == unheard_of
    os.close(unheard_of[0])
    seen_by(process)
    process.stdin.write("Mine\n")
    assert process.stderr.readline() == "Mine\n"
    process.kill()


def test_a_server_that_was_killed_is_started_again(server: ForkServer, script: Path) -> None:
    first = start(server, script)
    parent = seen_by(first)["parent"]
    os.kill(parent, signal.SIGKILL)
    second = start(server, script)
    assert seen_by(second)["parent"] != parent
    for process in (first, second):
        process.kill()
        process.wait(10)
