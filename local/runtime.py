"""A Python for the functions that has what Lambda's has: the standard library and boto3.

The emulator would run them with its own interpreter, where every development tool can be imported: a dependency that
is missing from the layer would only be missed on AWS. It would also unpack the layer anew for each of them.
"""

import hashlib
import importlib.util
import inspect
import textwrap
import threading
import venv
import zipfile
from pathlib import Path

from local.emulator import MiniStack
from local.patches import replace, require, rewritten
from local.settings import Settings

# boto3 and what it is made of.
_PACKAGES = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")


def run_functions_apart(emulator: MiniStack, settings: Settings) -> None:
    """Make the interpreter and let the emulator's Python workers use it.

    Raises
    ------
    EmulatorError
        If the emulator chooses interpreters in another way.
    """
    original = require(emulator.lambda_runtime, "_detect_runtime_binary", "runtime")
    python = _make(settings.state / "runtime")

    def detect(runtime: str) -> tuple[str, str]:
        binary, script = original(runtime)
        return (str(python) if runtime.startswith("python") else binary), script

    replace(emulator.lambda_runtime, "_detect_runtime_binary", detect)


def unpack_layers_once(emulator: MiniStack, settings: Settings) -> None:
    """Let all workers share one unpacked copy of a layer, and the bytecode that the first of them leaves in it.

    Raises
    ------
    EmulatorError
        If the emulator unpacks layers in another way.
    """
    runtime = emulator.lambda_runtime
    layers = _Layers(settings.state / "tmp" / "layers")
    source = textwrap.dedent(inspect.getsource(require(runtime.Worker, "_spawn", "self")))
    old, new = "lzf.extractall(layer_dir)", "_unpack_layer(lzf, layer_dir, layer_data)"
    source = rewritten(source, old, new, "lambda_runtime.Worker._spawn")
    namespace = vars(runtime)
    namespace["_unpack_layer"] = layers.unpack
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


def _make(folder: Path) -> Path:
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
