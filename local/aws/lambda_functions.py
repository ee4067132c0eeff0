"""Lambda as AWS has it: functions run with the standard library, boto3 and their layers, and nothing else.

The emulator would run them with its own interpreter, where every development tool can be imported: a dependency that
is missing from the layer would only be missed on AWS. It would also unpack the layer again for each of them.
"""

import hashlib
import importlib.util
import inspect
import io
import os
import secrets
import select
import subprocess
import sys
import textwrap
import threading
import venv
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

from local.emulator.loading import MiniStack
from local.emulator.patching import replace, require, rewrite, rewritten
from local.emulator.processes import ForkServer, Process
from local.settings import ACCOUNT_ID, Settings

# boto3 and what it is made of.
_PACKAGES = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
PROCESSES = max(4, 2 * (os.cpu_count() or 1))
# A queue's consumers may wait for somebody else's server, as deliveries of webhooks do, and not for a processor.
QUEUE_PROCESSES = 2 * PROCESSES
# AWS ends a start after so long, and makes another in the time that the call itself may take.
_START_SECONDS = 10
# The emulator resolves the path of each of a layer's files whenever a process starts, which takes 0.1 s.
_UNPACKING = """\
                    with open(lzip, "wb") as lf:
                        lf.write(layer_data)
                    with zipfile.ZipFile(lzip) as lzf:
                        # Validate paths to prevent zip-slip attacks
                        for member in lzf.namelist():
                            resolved = os.path.realpath(os.path.join(layer_dir, member))
                            if not resolved.startswith(os.path.realpath(layer_dir) + os.sep) \
and resolved != os.path.realpath(layer_dir):
                                raise RuntimeError(f"Zip entry escapes target dir: {member}")
                        lzf.extractall(layer_dir)
"""

type Record = dict[str, Any]


def patch(emulator: MiniStack, settings: Settings) -> None:
    """Run functions as themselves with a Python of their own, share layers, and bound their processes and starts.

    Raises
    ------
    EmulatorError
        If what this builds on is not there.
    """
    _give_functions_sessions(emulator)
    _let_calls_end(emulator)
    _bound_processes(emulator)
    _keep_streams_apart(emulator.lambda_runtime)
    _run_functions_apart(emulator, settings)


def _give_functions_sessions(emulator: MiniStack) -> None:
    """Give each function a session of its role, whose access key is the function's name.

    The emulator gives all of them the account's own credentials, which anybody knows: addresses of objects that are
    signed with them would prove nothing, and bucket policies could not tell one caller from another.
    """
    runtime, sts = emulator.lambda_runtime, emulator.sts
    require(runtime, "execution_credentials", "config")
    register = require(sts, "register_session", "access_key", "session")

    def execution_credentials(config: dict[str, Any]) -> dict[str, str]:
        name, role = config["FunctionName"], config["Role"].rpartition("/")[2]
        # The same ones for all its processes and after a restart: an address lives as long as they do.
        known = sts._sessions.get(name, {})  # noqa: SLF001
        session = {
            "Arn": f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role}/{name}",
            "UserId": f"{role}:{name}",
            "PrincipalType": "AssumedRole",
            "SecretAccessKey": known.get("SecretAccessKey") or secrets.token_hex(),
            "SessionToken": known.get("SessionToken") or secrets.token_hex(),
        }
        register(name, session)
        return {
            "AWS_ACCESS_KEY_ID": name,  # not being 12 digits, it leaves the account as it is
            "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
            "AWS_SESSION_TOKEN": session["SessionToken"],
        }

    replace(runtime, "execution_credentials", execution_credentials)


def _run_functions_apart(emulator: MiniStack, settings: Settings) -> None:
    """Start the processes of functions with an interpreter of their own, in layers that are unpacked once.

    Whatever loads a module of a layer first leaves its bytecode for the others.
    """
    runtime = emulator.lambda_runtime
    detect = require(runtime, "_detect_runtime_binary", "runtime")
    python = str(_make_python(settings.state / "runtime"))
    server = ForkServer(python)

    def detect_runtime_binary(runtime: str) -> tuple[str, str]:
        binary, script = detect(runtime)
        return python if runtime.startswith("python") else binary, script

    def start(command: list[str], *, cwd: str, env: dict[str, str], **options: Any) -> Process | subprocess.Popen[str]:  # noqa: ANN401
        binary, script = command
        if binary == python and sys.platform == "linux":  # macOS has none of the system calls that this takes
            layers = [
                os.path.realpath(layer) for layer in env.get("_LAMBDA_LAYERS_DIRS", "").split(os.pathsep) if layer
            ]
            return server.start(script, layers=layers, cwd=cwd, env=env)
        # As the processes of the other kind: out of Ctrl-C's reach, and free to log any bytes.
        return subprocess.Popen(command, cwd=cwd, env=env, process_group=0, errors="replace", **options)

    replace(runtime, "_detect_runtime_binary", detect_runtime_binary)
    source = textwrap.dedent(inspect.getsource(require(runtime.Worker, "_spawn", "self")))
    for old, new in {
        _UNPACKING: "                    _unpack_layer(layer_data, layer_dir)\n",
        "subprocess.Popen(": "_start_process(",
        "response_line = self._proc.stdout.readline()": "response_line = _read_in_time(self)",
    }.items():
        source = rewritten(source, old, new, "lambda_runtime.Worker._spawn")
    namespace = vars(runtime)
    namespace["_unpack_layer"] = _Layers(settings.state / "tmp" / "layers").unpack
    namespace["_start_process"] = start
    namespace["_read_in_time"] = _read_in_time
    exec(compile(source, inspect.getfile(runtime), "exec"), namespace)  # noqa: S102
    replace(runtime.Worker, "_spawn", namespace.pop("_spawn"))


class _Layers:
    """Unpacked layers, by the digest of their archive."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def unpack(self, content: bytes, target: str) -> None:
        """Make the (empty) target folder show the content of a layer's archive."""
        folder = self._folder / hashlib.sha256(content).hexdigest()
        with self._lock:
            if not folder.exists():
                fresh = folder.with_suffix(".new")
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    archive.extractall(fresh)  # which leaves no name outside of it
                fresh.rename(folder)
        Path(target).rmdir()
        Path(target).symlink_to(folder)


def _make_python(folder: Path) -> Path:
    venv.EnvBuilder(clear=True, symlinks=True).create(folder)
    packages = next(folder.glob("lib/python3.*/site-packages"))
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue  # a release of boto3 that does without it
        source = Path(spec.origin)
        source = source.parent if source.name == "__init__.py" else source
        (packages / source.name).symlink_to(source)
    return folder / "bin" / "python"


def _bound_processes(emulator: MiniStack) -> None:
    """Let calls of a function wait for one of its processes instead of starting ever more.

    AWS starts another environment for each call that finds none free, on machines of its own. Here they would all start
    on this one: sixteen callers at once are sixteen Python processes that get in each other's way for ten seconds and
    keep 50 MB each, where four serve them just as fast once they are warm, since a call takes milliseconds.

    A call waits for as long as it takes: those before it end by their function's own limit. How many may wait is
    bounded as on AWS, by the account's concurrency. Messages wait in their queue instead: one that is taken out of it
    is invisible for so long only, and counts for its group as in flight.
    """
    service = emulator.lambda_service
    # A group that has messages in flight is not received from, so batches side by side never have the same group.
    rewrite(service, "_sqs_esm_concurrency", {'    if (queue or {}).get("is_fifo"):\n        return 1\n': ""})
    run = require(service, "_execute_function_warm", "func", "event", "request_id")
    concurrency = require(service, "_sqs_esm_concurrency", "esm", "func_rec", "config", "queue")
    places: dict[str, threading.Semaphore] = {}
    consumers: set[str] = set()

    def run_in_place(func: Record, event: object, request_id: str) -> Record:
        name = (func.get("config") or func)["FunctionName"]
        number = QUEUE_PROCESSES if name in consumers else PROCESSES
        with places.setdefault(name, threading.Semaphore(number)):
            answer: Record = run(func, event, request_id)
        return answer

    def concurrency_here(esm: Record, func_rec: Record, config: Record, queue: Record | None = None) -> int:
        consumers.add(config["FunctionName"])
        return min(QUEUE_PROCESSES, int(concurrency(esm, func_rec, config, queue)))

    replace(service, "_execute_function_warm", run_in_place)
    replace(service, "_sqs_esm_concurrency", concurrency_here)


def _let_calls_end(emulator: MiniStack) -> None:
    """Let calls under way end when their function is changed, or when another of its processes can't start.

    The emulator ends all processes of the function at once, those that are at work, too. Here a process leaves its
    pool, so that it gets no other call, and ends when its call has.
    """
    runtime, service = emulator.lambda_runtime, emulator.lambda_service
    release = require(runtime, "release_worker", "worker")

    def release_or_end(worker: Any) -> None:  # noqa: ANN401 (a class of the emulator)
        release(worker)
        with runtime._lock:  # noqa: SLF001
            kept = any(worker in pool for pool in runtime._workers.values())  # noqa: SLF001
        if not kept:
            runtime.kill_workers([worker])

    changes = {"    kill_workers(doomed)\n": "    kill_workers([worker for worker in doomed if not worker.in_use])\n"}
    rewrite(runtime, "invalidate_worker", changes)
    changes = {"        worker = None  # invalidate_worker already dropped it from the pool\n": ""}
    rewrite(service, "_execute_function_warm", changes)
    for name, function in {"invalidate_worker": runtime.invalidate_worker, "release_worker": release_or_end}.items():
        for owner in (runtime, service):  # the service has imported both by name
            replace(owner, name, function)


def _keep_streams_apart(runtime: ModuleType) -> None:
    """Keep what a function, or a program that it starts, does with its standard streams out of the emulator's protocol.

    The protocol would use the same ones: a line on standard output would pass for the answer of the call, and its
    answer for that of the next.
    """
    script = runtime._PYTHON_WORKER_SCRIPT  # noqa: SLF001
    for old, new in {
        "    _real_stdout = sys.stdout\n": (
            "    _requests, _real_stdout = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), 'w')\n"
            "    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)\n"
            "    os.dup2(2, 1)\n"
        ),
        "init = json.loads(sys.stdin.readline())": "init = json.loads(_requests.readline())",
        "line = sys.stdin.readline()": "line = _requests.readline()",
    }.items():
        script = rewritten(script, old, new, "the Python worker's script")
    vars(runtime)["_PYTHON_WORKER_SCRIPT"] = script


def _read_in_time(worker: Any) -> str:  # noqa: ANN401 (a class of the emulator)
    """Return what a process says when it has started.

    Raises
    ------
    TimeoutError
        If it takes too long, as with an import that hangs. The process is ended then.
    """
    process, limit = worker._proc, max(_START_SECONDS, worker.config["Timeout"])  # noqa: SLF001
    watch = select.poll()
    watch.register(process.stdout, select.POLLIN)
    if not watch.poll(1000 * limit):
        process.kill()
        message = f"The function has not started in {limit} seconds."
        raise TimeoutError(message)
    line: str = process.stdout.readline()
    return line
