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
from local.settings import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, processes are started anew")

SCRIPT = """
import json, os, sys
seen = {"env": dict(os.environ), "cwd": os.getcwd(), "parent": os.getppid(), "boto3": "boto3" in sys.modules}
print(json.dumps(seen), flush=True)
print(sys.stdin.readline().strip(), file=sys.stderr)
os.write(2, b"\\xff in Latin-1\\n")
sys.stdin.read()
"""
# These say what kind of environment Powertools is in, as the emulator never does.
HARMLESS = {"AWS_EXECUTION_ENV", "AWS_LAMBDA_INITIALIZATION_TYPE"}
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

    def ask_in_vain(layers: tuple[str, ...], message: object, files: list[int]) -> tuple[int, int]:
        if unheard_of:
            return ask(layers, message, files)
        unheard_of.append(ask(layers, message, files)[1])
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


def test_each_set_of_layers_has_a_server_that_has_imported_them(server: ForkServer, script: Path) -> None:
    layers = [script.parent / name for name in ("old", "new")]
    for layer in layers:
        package = layer / "python" / "ticketing" / "tickets"
        package.mkdir(parents=True)
        (package / "models.py").write_text(f"MADE_IN = {layer.name!r}")
    script.write_text(
        "import json, os, sys\n"
        "found = sys.modules.get('ticketing.tickets.models')\n"
        "seen = {'models': found and found.MADE_IN, 'path': sys.path, 'parent': os.getppid()}\n"
        "print(json.dumps(seen), flush=True)\n"
    )

    def seen_with(*layers: Path) -> dict[str, Any]:
        return seen_by(server.start(str(script), layers=[str(layer) for layer in layers], cwd="/", env=ENVIRONMENT))

    old, new, none, again = seen_with(layers[0]), seen_with(layers[1]), seen_with(), seen_with(layers[0])
    assert [seen["models"] for seen in (old, new, none, again)] == ["old", "new", None, "old"]
    assert old["path"] == none["path"]
    assert again["parent"] == old["parent"]
    os.kill(old["parent"], signal.SIGKILL)
    os.kill(none["parent"], signal.SIGKILL)
    after = seen_with(layers[0])
    assert after["models"] == "old"
    assert after["parent"] != old["parent"]


def test_what_is_imported_beforehand_reads_no_variable_of_the_template() -> None:
    """It would be that of no function."""
    code = (
        "import json, os, sys\n"
        "from local.emulator import fork_server\n"
        "read, get = set(), os._Environ.__getitem__\n"
        "os._Environ.__getitem__ = lambda self, name: read.add(name) or get(self, name)\n"
        "for name in fork_server.MODULES:\n"
        "    __import__(name)\n"
        "print(json.dumps([sorted(read), 'ticketing.tickets.models' in sys.modules]))\n"
    )
    environment = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers" / "ticketing")])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    read, imported = json.loads(done.stdout)
    template = (ROOT / "template.yaml").read_text()
    assert imported
    assert [name for name in read if f" {name}:" in template] == []
    assert not [name for name in read if name.startswith("AWS_") and name not in HARMLESS]
