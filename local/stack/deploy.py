"""``make deploy``, and the deployment of ``make run``: the real `sam build` and `sam deploy`."""

import fcntl
import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from local.environment import for_children
from local.progress import elapsed, say
from local.settings import REGION, Settings
from local.stack.client import CallError
from local.stack.seed import reconcile
from local.stack.statedir import read_json, write_json

SOURCES = ("template.yaml", "samconfig.toml", "uv.lock", "functions", "layers", "statemachines")
_DEPLOYED = "deployed.json"
_LINES_SHOWN = 40
_POLL_SECONDS = 0.2


class DeployError(RuntimeError):
    """`sam build` or `sam deploy` failed; the text ends with what it said."""


class Deployer:
    """Runs `sam` as a child process that can be stopped from another thread."""

    def __init__(self, settings: Settings, aws_port: int) -> None:
        self._settings = settings
        self._endpoint = f"http://127.0.0.1:{aws_port}"
        self._child: subprocess.Popen[str] | None = None
        self._stopped = threading.Event()

    def is_current(self) -> bool:
        """Return whether the last deployment was made from the current sources and parameters."""
        deployed = read_json(self._settings.state / _DEPLOYED)
        return deployed == {"sources": fingerprint(self._settings.root), "parameters": self._parameters()}

    def deploy(self) -> None:
        """Build what has changed and deploy it.

        Raises
        ------
        DeployError
            If SAM fails, or `stop` was called.
        """
        sources = fingerprint(self._settings.root)
        with self._build_lock():
            self._build(sources)
            began = elapsed()
            say("sam deploy --config-env local")
            self._sam("deploy", "--config-env", "local", "--use-json", "--parameter-overrides", *self._parameters())
            say(f"deployed in {elapsed() - began:.1f} s")
        write_json(self._settings.state / _DEPLOYED, {"sources": sources, "parameters": self._parameters()})

    def stop(self) -> None:
        """Stop a running `sam`, and start no other."""
        self._stopped.set()
        if (child := self._child) is not None:
            # With its own children, such as pip.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)

    @contextmanager
    def _build_lock(self) -> Iterator[None]:
        """Lock the build folder against other builds, such as a test run beside `make run`."""
        folder = self._settings.root / ".aws-sam"
        folder.mkdir(exist_ok=True)
        waiting = False
        with (folder / ".lock").open("w") as file:
            while not self._stopped.is_set():
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if not waiting:
                        say("waiting for another build to end")
                    waiting = True
                    self._stopped.wait(_POLL_SECONDS)
                else:
                    break
            yield

    def _build(self, sources: str) -> None:
        stamp = self._settings.root / ".aws-sam" / "build" / ".sources"
        if stamp.exists() and stamp.read_text() == sources:
            return
        began = elapsed()
        say("sam build")
        # A build that is cut short must not pass for the last whole one.
        stamp.unlink(missing_ok=True)
        self._sam("build", "--config-env", "local", "--parameter-overrides", f"Architecture={architecture()}")
        _write_as_json(stamp.with_name("template.yaml"))
        stamp.write_text(sources)
        say(f"built in {elapsed() - began:.1f} s")

    def _parameters(self) -> list[str]:
        # Given on the command line, SAM reads none from samconfig.toml: so take them from there.
        content = tomllib.loads((self._settings.root / "samconfig.toml").read_text())
        given = content["local"]["deploy"]["parameters"]["parameter_overrides"]
        parameters = dict(each.split("=", 1) for each in given)
        parameters |= {"Architecture": architecture(), **self._settings.parameters}
        return [f"{name}={value}" for name, value in parameters.items()]

    def _sam(self, *arguments: str) -> None:
        log = self._settings.logs / "deploy.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        lines: list[str] = []
        if self._stopped.is_set():
            message = "stopped"
            raise DeployError(message)
        with log.open("w") as file:
            self._child = subprocess.Popen(
                [str(Path(sys.executable).with_name("sam")), *arguments],
                cwd=self._settings.root,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                # Ctrl-C is for this process, which then ends its child in order.
                start_new_session=True,
            )
            for line in self._child.stdout or ():
                file.write(line)
                lines.append(line)
            status = self._child.wait()
            self._child = None
        if status:
            message = f"sam {arguments[0]} failed ({log} has all of it):\n{''.join(lines[-_LINES_SHOWN:])}"
            raise DeployError(message)

    def _environment(self) -> dict[str, str]:
        kept = for_children(os.environ)
        for name in ("DOCKER_HOST", "MAKEFLAGS"):
            kept.pop(name, None)
        return kept | {
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self._endpoint,
            # sam build looks for the functions' Python here.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            # Its default, 5 s, is meant for AWS.
            "SAM_CLI_POLL_DELAY": "0.25",
            "SAM_CLI_TELEMETRY": "0",
        }


def _write_as_json(template: Path) -> None:
    """Write a template as JSON, which is YAML, too. SAM reads it several times, and takes 4 s for YAML each time."""
    template.write_text(json.dumps(yaml.load(template.read_text(), yaml.CSafeLoader)))


def architecture() -> str:
    """Return this machine's processor as Lambda names it."""
    return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


def fingerprint(root: Path) -> str:
    """Return a digest of everything that a deployment is made from."""
    digest = hashlib.sha256(architecture().encode())
    for name in SOURCES:
        path = root / name
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"\0{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def deploy_running(settings: Settings) -> int:
    """Deploy the sources to the stack that `make run` serves; return the exit status."""
    running = read_json(settings.state / "run.json")
    if not running or not _is_running(settings):
        print("The local stack is not running. `make run` starts it, and deploys what has changed.", file=sys.stderr)
        return 1
    deployer = Deployer(settings, int(running["aws_port"]))
    try:
        deployer.deploy()
        reconcile(int(running["aws_port"]), read_json(settings.state / "outputs.json"))
    except (DeployError, CallError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        deployer.stop()
        return 130
    return 0


def _is_running(settings: Settings) -> bool:
    with (settings.state / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
