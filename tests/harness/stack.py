"""A local stack for tests: the real `python -m local run` on free ports, with a state folder of its own."""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.settings import LIVE_PATH, REGION, ROOT
from local.stack.mails import Mail, mails_in
from local.stack.seed import PASSWORD
from local.stack.statedir import read_json
from local.stack.tokens import id_token
from tests.harness.receiver import Receiver, receiving

# The first start builds and deploys; on a machine under load that takes its time.
START_SECONDS = 240.0
STOP_SECONDS = 20.0
_READY = "The ticket API is ready"
# Clients may be used by many threads at once, but not created: and a session takes a while to read what AWS is.
_SESSION = boto3.session.Session()
_CREATING = threading.Lock()


@dataclass
class Stack:
    """One run of the local stack, as a process."""

    state: Path
    port: int
    aws_port: int
    calls: Path
    process: subprocess.Popen[bytes]
    log: Path
    _tokens: dict[str, str] = field(default_factory=dict, repr=False)
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def base_url(self) -> str:
        """Where the API answers, without the version."""
        return f"http://localhost:{self.port}"

    @property
    def live_url(self) -> str:
        """Where WebSockets connect."""
        return f"ws://localhost:{self.port}{LIVE_PATH}"

    @property
    def aws_endpoint(self) -> str:
        """Where the emulator's control plane answers."""
        return f"http://127.0.0.1:{self.aws_port}"

    def logged(self, name: str) -> str:
        """What is in a log file, such as functions.log, and in the one before: a full file is put aside."""
        files = (self.state / "logs" / f"{name}.1", self.state / "logs" / name)
        return "".join(file.read_text() for file in files if file.exists())

    def recorded(self) -> int:
        """Return how much has been recorded of the calls to AWS, in bytes."""
        return self.calls.stat().st_size

    def calls_since(self, recorded: int) -> list[dict[str, Any]]:
        """Return the calls to AWS that have been recorded after so many bytes."""
        with self.calls.open("rb") as file:
            file.seek(recorded)
            return [json.loads(line) for line in file]

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of the template, as deployed."""
        return read_json(self.state / "outputs.json")

    @property
    def password(self) -> str:
        """The password of every demo user."""
        return PASSWORD

    def token(self, user: str) -> str:
        """An ID token of a demo user, such as agent@acme.example; the same one in later calls."""
        if user not in self._tokens:
            self._tokens[user] = id_token(self.aws_port, self.outputs["UserPoolClientId"], user)
        return self._tokens[user]

    def mails(self, to: str) -> list[Mail]:
        """What was mailed to an address, the newest last."""
        return [mail for mail in mails_in(self.state / "mails") if mail.to == to]

    def mailed_code(self, to: str) -> str:
        """The code in the newest mail to an address."""
        code = re.search(r"\b\d{6}\b", self.mails(to)[-1].text)
        assert code is not None
        return code[0]

    def client(self, service: str) -> Any:
        """The boto3 client of the emulator's service; the same one in later calls, for all threads."""
        with _CREATING:
            if service not in self._clients:
                self._clients[service] = _SESSION.client(  # type: ignore[call-overload]
                    service,
                    endpoint_url=self.aws_endpoint,
                    region_name=REGION,
                    aws_access_key_id="test",
                    aws_secret_access_key="test",
                    # Step Functions' synchronous calls would go to another host name.
                    config=Config(inject_host_prefix=False, max_pool_connections=32, retries={"max_attempts": 1}),
                )
            return self._clients[service]

    def wait_until_ready(self) -> None:
        """Return when the API answers; fail with the log when the process ends or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while _READY not in (text := self.log.read_text()):
            if self.process.poll() is not None:
                pytest.fail(f"The local stack ended with status {self.process.returncode}:\n{text}", pytrace=False)
            if time.monotonic() > deadline:
                pytest.fail(f"The local stack was not ready in {START_SECONDS:.0f} s:\n{text}", pytrace=False)
            time.sleep(0.05)

    def stop(self) -> int:
        """End the process as Ctrl-C would and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            pytest.fail(f"The local stack did not stop:\n{self.log.read_text()}", pytrace=False)


def free_port() -> int:
    """A port that nothing uses now, nor soon: systems give those of outgoing connections from above."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


RECEIVER_PORT = int(os.environ.get("TESTS_RECEIVER_PORT") or free_port())
_RECEIVERS = os.environ.get("TESTS_RECEIVERS") or f"http://localhost:{RECEIVER_PORT}"
_DEPLOYED = os.environ.get("TESTS_DEPLOYED")
PARAMETERS = f"WebhookPrivateOrigins={_RECEIVERS} WebhookRetrySeconds=1,1"
"""What all stacks of a session are deployed with: a webhook is told once more after a second, and again."""


def launch(state: Path, *, port: int = 0, aws_port: int = 0, root: Path = ROOT, **variables: str) -> Stack:
    """Start a local stack, of this checkout unless told otherwise, and return at once; ports are free unless given."""
    state.mkdir(parents=True, exist_ok=True)
    port, aws_port = port or free_port(), aws_port or free_port()
    log, calls = state / "start.log", state / "calls.jsonl"
    environment = os.environ | {
        "AWS_PORT": str(aws_port),
        "LOCAL_RECORD_CALLS": str(calls),
        "LOCAL_PARAMETERS": PARAMETERS,
        "LOCAL_STATE": str(state),
        "PORT": str(port),
        **variables,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "run"],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Stack(state, port, aws_port, calls, process, log)


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """The one server that webhooks can lead to."""
    with receiving(port=RECEIVER_PORT) as receiver:
        yield receiver


def shared_by(parts: int, folder: Path) -> list[dict[str, str]]:
    """Return the environments of runs of tests that have copies of one deployment, whose state is in the folder."""
    ports = [free_port() for _ in range(parts)]
    origins = ",".join(f"http://localhost:{port}" for port in ports)
    return [
        {"TESTS_DEPLOYED": str(folder), "TESTS_RECEIVERS": origins, "TESTS_RECEIVER_PORT": str(port)} for port in ports
    ]


def deploy() -> None:
    """Deploy the stack whose copies are shared."""
    assert _DEPLOYED is not None
    running = launch(Path(_DEPLOYED))
    running.wait_until_ready()
    running.stop()


def copy_state(deployed: Path, state: Path) -> None:
    """Copy the state of a stack: what is on the disk at any moment is enough to start from."""
    shutil.copytree(deployed, state, ignore=shutil.ignore_patterns("lock", "logs", "tmp"))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The local stack that all tests of a session share."""
    state = tmp_path_factory.mktemp("stack") / "state"
    if _DEPLOYED is not None:
        copy_state(Path(_DEPLOYED), state)
    running = launch(state)
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def unpublished(stack: Stack) -> Iterator[Stack]:
    """The stack, which publishes no events of tickets from here to the session's end.

    It is for suites that look at nothing that comes of events, which costs more than what they do look at; they are the
    last that use a stack.
    """
    functions = stack.client("lambda")
    (mapping,) = (
        each
        for each in functions.list_event_source_mappings()["EventSourceMappings"]
        if "PublishEvents" in each["FunctionArn"]
    )
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    yield stack
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


if __name__ == "__main__":
    deploy()
