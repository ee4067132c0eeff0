"""The commands around a running stack, and what they say when something is in the way."""

import os
import runpy
import socket
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from local import cli
from local.settings import ROOT
from tests.harness.stack import Stack, free_port


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, timeout=60, check=False
    )


def command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "local", *arguments, **variables)


def make(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return run("make", *arguments, **variables)


def test_the_bench_starts_by_itself() -> None:
    done = run(sys.executable, "-m", "bench", "--help", PYTHONPATH="")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("variable", ["PORT", "AWS_PORT"])
def test_a_port_in_use_is_named(tmp_path: Path, variable: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ports = {"PORT": str(free_port()), "AWS_PORT": str(free_port()), variable: str(port)}
        result = command("run", LOCAL_STATE=str(tmp_path), **ports)
    assert result.returncode == 1
    assert f"Port {port} of 127.0.0.1" in result.stderr
    assert f"make run {variable}=<port>" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("value", ["eighty", "0", "65536", "-1", "8000.5"])
def test_a_bad_port_is_named(tmp_path: Path, value: str) -> None:
    result = command("run", PORT=value, LOCAL_STATE=str(tmp_path))
    assert result.returncode == 1
    assert result.stderr == f"PORT={value} is not a port: it must be a number from 1 to 65535.\n"


def test_the_control_plane_is_not_opened_to_the_network(tmp_path: Path) -> None:
    result = command("run", AWS_BIND="0.0.0.0", LOCAL_STATE=str(tmp_path))
    assert result.returncode == 1
    assert "0.0.0.0 would open the control plane" in result.stderr


def test_a_second_stack_in_the_same_folder_is_refused(stack: Stack) -> None:
    result = command("run", LOCAL_STATE=str(stack.state), PORT=str(free_port()), AWS_PORT=str(free_port()))
    assert result.returncode == 1
    assert result.stderr == (f"A local stack is already running from {stack.state} (process {stack.process.pid}).\n")


def test_reset_is_refused_while_the_stack_runs(stack: Stack) -> None:
    result = command("reset", LOCAL_STATE=str(stack.state))
    assert result.returncode == 1
    assert "already running" in result.stderr
    assert (stack.state / "outputs.json").exists()


def test_reset_empties_the_folder(tmp_path: Path) -> None:
    (tmp_path / "services").mkdir()
    (tmp_path / "items.journal").write_text("[]\n")
    assert command("reset", LOCAL_STATE=str(tmp_path)).returncode == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["lock"]


def test_make_token_prints_the_token_alone(stack: Stack) -> None:
    result = make("-s", "token", "USER=agent@acme.example", LOCAL_STATE=str(stack.state))
    assert result.returncode == 0
    assert result.stderr == ""
    assert result.stdout.count(".") == 2
    assert result.stdout.count("\n") == 1


def test_make_token_for_nobody_says_so(stack: Stack) -> None:
    result = make("-s", "token", "USER=nobody@acme.example", LOCAL_STATE=str(stack.state))
    assert result.returncode != 0
    assert result.stdout == ""
    assert "There is no user nobody@acme.example" in result.stderr


def test_make_token_before_the_address_is_confirmed_says_so(stack: Stack) -> None:
    """Sign-up leaves somebody without a token until the code of the email was given back."""
    email = f"{uuid4()}@acme.example"
    stack.client("cognito-idp").sign_up(
        ClientId=stack.outputs["UserPoolClientId"],
        Username=email,
        Password=stack.password,
        UserAttributes=[{"Name": "email", "Value": email}],
    )
    result = make("-s", "token", f"USER={email}", LOCAL_STATE=str(stack.state))
    assert (result.returncode, result.stdout) == (2, "")
    assert "has signed up and not confirmed the address yet" in result.stderr


@pytest.mark.parametrize("said", [[], ["USER="]], ids=["nobody", "empty"])
def test_make_token_ignores_the_shells_user(stack: Stack, said: list[str]) -> None:
    result = make("-s", "token", *said, USER="agent@acme.example", LOCAL_STATE=str(stack.state))
    assert result.returncode != 0
    assert result.stdout == ""
    assert "make -s token USER=agent@acme.example" in result.stderr


def test_without_a_running_stack_the_commands_say_so(tmp_path: Path) -> None:
    for arguments in (["token", "agent@acme.example"], ["deploy"]):
        result = command(*arguments, LOCAL_STATE=str(tmp_path))
        assert result.returncode == 1
        assert result.stdout == ""
        assert "make run" in result.stderr


def test_ctrl_c_while_the_command_is_loaded_ends_it_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", interrupted)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("local", run_name="__main__")
    assert ended.value.code == 130
