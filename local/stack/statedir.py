"""The state folder: its lock, its JSON files, and emptying it."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.settings import Settings


class InUseError(RuntimeError):
    """Another process runs a stack from this state folder."""


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Hold the state folder for this process alone.

    Raises
    ------
    InUseError
        If another process holds it; the text names its process id and its folder.
    """
    settings.state.mkdir(parents=True, exist_ok=True)
    # The kernel releases the lock when its holder dies, however it dies: nothing stale can stay behind.
    with (settings.state / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            message = f"A local stack is already running from {settings.state} (process {file.read().strip()})."
            raise InUseError(message) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def empty(settings: Settings) -> None:
    """Remove everything but the lock.

    Raises
    ------
    InUseError
        If a stack is running from the folder.
    """
    with locked(settings):
        for entry in settings.state.iterdir():
            if entry.name == "lock":
                continue
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file, or an empty one where there is no readable file."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(path: Path, content: object) -> None:
    """Write a JSON file so that a reader sees the old content or the new, never a part."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(content, indent=2) + "\n")
    fresh.replace(path)
