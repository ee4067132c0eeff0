"""Lambda as AWS has it: functions run with the standard library, boto3 and their layers, and nothing else.

The emulator would run them with its own interpreter, where every development tool can be imported: a dependency that
is missing from the layer would only be missed on AWS. It would also unpack the layer again for each of them.
"""

import hashlib
import importlib.util
import inspect
import os
import subprocess
import sys
import textwrap
import threading
import venv
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from local.emulator.loading import MiniStack
from local.emulator.patching import replace, require, rewritten
from local.emulator.processes import ForkServer, Process
from local.settings import Settings

# boto3 and what it is made of.
_PACKAGES = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
PROCESSES = max(4, 2 * (os.cpu_count() or 1))
# Longer than any function may run. A caller that waits so long gets the emulator's refusal.
_WAIT_SECONDS = 30.0


def patch(emulator: MiniStack, settings: Settings) -> None:
    """Run functions with a Python of their own, share unpacked layers, and bound the processes of each function.

    Raises
    ------
    EmulatorError
        If what this builds on is not there.
    """
    _bound_processes(emulator)
    _run_functions_apart(emulator, settings)


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
            return server.start(script, cwd=cwd, env=env)
        return subprocess.Popen(command, cwd=cwd, env=env, **options)

    replace(runtime, "_detect_runtime_binary", detect_runtime_binary)
    source = textwrap.dedent(inspect.getsource(require(runtime.Worker, "_spawn", "self")))
    for old, new in {
        "lzf.extractall(layer_dir)": "_unpack_layer(lzf, layer_dir, layer_data)",
        "subprocess.Popen(": "_start_process(",
    }.items():
        source = rewritten(source, old, new, "lambda_runtime.Worker._spawn")
    namespace = vars(runtime)
    namespace["_unpack_layer"] = _Layers(settings.state / "tmp" / "layers").unpack
    namespace["_start_process"] = start
    exec(compile(source, inspect.getfile(runtime), "exec"), namespace)  # noqa: S102
    replace(runtime.Worker, "_spawn", namespace.pop("_spawn"))


class _Layers:
    """Unpacked layers, by the digest of their archive."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def unpack(self, archive: zipfile.ZipFile, target: str, content: bytes) -> None:
        """Make the (empty) target folder show the archive's content."""
        folder = self._folder / hashlib.sha256(content).hexdigest()
        with self._lock:
            if not folder.exists():
                fresh = folder.with_suffix(".new")
                archive.extractall(fresh)  # the emulator has checked the names
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
    """
    runtime, service = emulator.lambda_runtime, emulator.lambda_service
    acquire = require(runtime, "acquire_worker", "func_name", "config", "code_zip", "qualifier", "max_concurrency")
    release = require(runtime, "release_worker", "worker")
    places: defaultdict[str, threading.BoundedSemaphore] = defaultdict(lambda: threading.BoundedSemaphore(PROCESSES))
    held: dict[int, threading.BoundedSemaphore] = {}

    def acquire_or_wait(
        func_name: str,
        config: dict[str, Any],
        code_zip: bytes,
        qualifier: str = "$LATEST",
        max_concurrency: int | None = None,
    ) -> tuple[Any, str]:
        place = places[f"{func_name}:{qualifier}"]
        if not place.acquire(timeout=_WAIT_SECONDS):
            return None, "func_cap"
        worker, reason = acquire(func_name, config, code_zip, qualifier, max_concurrency)
        if worker is None:
            place.release()
        else:
            held[id(worker)] = place
        return worker, reason

    def release_place(worker: Any) -> None:  # noqa: ANN401 (a class of the emulator)
        release(worker)
        if (place := held.pop(id(worker), None)) is not None:
            place.release()

    for owner in (runtime, service):  # the service has imported both by name
        replace(owner, "acquire_worker", acquire_or_wait)
        replace(owner, "release_worker", release_place)
