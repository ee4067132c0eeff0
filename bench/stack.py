"""The local stack that is measured: `python -m local run` on free ports, with a state folder of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from local.settings import LIVE_PATH, REGION, ROOT
from local.stack.tokens import id_token

_READY = "The ticket API is ready"
_PATIENCE = 240.0
"""Seconds for a start, which builds and deploys."""


class StackError(RuntimeError):
    """The stack did not start; the text is its log."""


@dataclass
class Stack:
    """One run of the local stack."""

    state: Path
    port: int
    aws_port: int
    process: subprocess.Popen[bytes]
    _tokens: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def launch(cls, state: Path, *, root: Path = ROOT, records: bool = True, parameters: str = "") -> Stack:
        """Start a stack of a checkout, and return at once; `records` keeps a list of all calls to AWS.

        `parameters` are the template's, such as `TenantRate=3`, in the place of those that local stacks have.
        """
        port, aws_port = free_port(), free_port()
        environment = os.environ | {
            "AWS_PORT": str(aws_port),
            "LOCAL_PARAMETERS": parameters,
            "LOCAL_RECORD_CALLS": str(state / "calls.jsonl") if records else "",
            "LOCAL_STATE": str(state),
            "PORT": str(port),
        }
        with (state / "start.log").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "local", "run"], cwd=root, env=environment, stdout=output, stderr=output
            )
        return cls(state, port, aws_port, process)

    def wait_until_ready(self) -> None:
        """Return when the API answers.

        Raises
        ------
        StackError
            The process ended, or took too long.
        """
        deadline = time.monotonic() + _PATIENCE
        while _READY not in (log := (self.state / "start.log").read_text()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise StackError(log)
            time.sleep(0.1)

    def stop(self) -> None:
        """End the process as Ctrl-C would."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

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
        """Where the emulator answers."""
        return f"http://127.0.0.1:{self.aws_port}"

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The outputs of the template, as deployed."""
        found: dict[str, str] = json.loads((self.state / "outputs.json").read_text())
        return found

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The calls to AWS so far, with who made each: a function or state machine, by its name in the template."""
        return [json.loads(line) for line in (self.state / "calls.jsonl").read_text().splitlines()]

    def token(self, user: str) -> str:
        """Return an ID token of a demo user, such as agent@acme.example; the same one in later calls."""
        if user not in self._tokens:
            self._tokens[user] = id_token(self.aws_port, self.outputs["UserPoolClientId"], user)
        return self._tokens[user]

    def client(self, service: str) -> Any:
        """Return a client of the emulator's service."""
        return boto3.session.Session().client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.aws_endpoint,
            region_name=REGION,
            aws_access_key_id="bench",
            aws_secret_access_key="bench",  # noqa: S106
            config=Config(max_pool_connections=32, retries={"max_attempts": 1}),
        )


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
