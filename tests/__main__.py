"""``python -m tests``: all suites, side by side; with ``--short``, the essence of each of them.

A part is one run of pytest. Most have a local stack of their own, which their tests share: a copy of one that is
deployed first, while the parts that need none run. What they print appears as it comes, behind the seconds so far and
the part's name. The exit status is 0 if all parts passed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.harness.stack import shared_by

HERE: Final = Path(__file__).parent

PARTS: Final[Mapping[str, Sequence[str]]] = {
    "faults": ("faults", "local/aws"),
    "local": ("faults/test_uploads.py", "local"),
    "api": ("integration",),
    "contract": ("contract", "property", "clients", "workflow"),
    "search": ("unit/search", "unit/index", "engines", "local/test_strict.py"),
    "code": ("unit", "contract/test_document.py", "local/stack/test_build.py"),
}
"""What is tested together, one after the other; a file that is named is in no other part."""

WITHOUT_STACK: Final = {"search", "code"}
"""These do not wait for the deployment. What has a stack comes last in them: it is deployed long before."""


class Run:
    """One run of all parts."""

    def __init__(self, options: Sequence[str], folder: Path) -> None:
        self._options = options
        self._began = time.monotonic()
        self._environments = dict(zip(PARTS, shared_by(len(PARTS), folder), strict=True))
        self._deployed = threading.Event()

    def outcomes(self) -> dict[str, str]:
        """Run the parts and return how each of them ended: the last line that it printed, or "" if it failed."""
        with ThreadPoolExecutor(len(PARTS)) as pool:
            outcomes = pool.map(self._outcome, PARTS)
            self._deploy()
            return dict(zip(PARTS, outcomes, strict=True))

    def say(self, part: str, line: str) -> None:
        """Print a line of a part."""
        print(f"[{time.monotonic() - self._began:4.0f} s] {part:8} | {line}", flush=True)

    def _deploy(self) -> None:
        """Deploy what the parts begin with. If that fails, each of them tries it, and says why it can't."""
        command = [sys.executable, "-m", "tests.harness.stack"]
        environment = os.environ | self._environments["faults"]
        if subprocess.run(command, cwd=HERE.parent, env=environment, stdin=subprocess.DEVNULL, check=False).returncode:
            for each in self._environments.values():
                del each["TESTS_DEPLOYED"]
        self.say("", "the stack is deployed")
        self._deployed.set()

    def _outcome(self, part: str) -> str:
        if part not in WITHOUT_STACK:
            self._deployed.wait()
        others = [HERE / name for other, names in PARTS.items() if other != part for name in names]
        paths = [HERE / name for name in PARTS[part]]
        command = [sys.executable, "-m", "pytest", *self._options, *map(str, paths)]
        command += [f"--ignore={other}" for other in others if any(path in other.parents for path in paths)]
        environment = os.environ | self._environments[part] | {"PYTHONUNBUFFERED": "1", "COLUMNS": "110"}
        with subprocess.Popen(
            command, cwd=HERE.parent, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            last = ""
            for line in process.stdout:
                last = line.rstrip() or last
                self.say(part, line.rstrip())
        return last if process.returncode == 0 else ""


def unnamed() -> list[str]:
    """Return the files of tests that are in no part."""
    named = [HERE / name for names in PARTS.values() for name in names]
    files = [path for path in HERE.rglob("test_*.py") if not {path, *path.parents} & set(named)]
    return [str(path.relative_to(HERE)) for path in files]


def main() -> int:
    """Run the parts and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests", description="Run all suites, side by side.")
    parser.add_argument("--short", action="store_true", help="the essence of every suite")
    options = ["--short"] if parser.parse_args().short else []
    if left_out := unnamed():
        print(f"In no part of tests/__main__.py: {', '.join(left_out)}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        run = Run(options, Path(folder) / "state")
        outcomes = run.outcomes()
    for part, last in outcomes.items():
        run.say(part, last.strip("= ") or "FAILED")
    return int(not all(outcomes.values()))


sys.exit(main())
