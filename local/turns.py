"""A bounded number of processes for each function: callers beyond it take turns.

AWS starts another environment for each call that finds none free, on machines of its own. Here they would all start on
this one: sixteen callers at once are sixteen Python processes that get in each other's way for ten seconds and keep
50 MB each, where four serve them just as fast once they are warm, since a call takes milliseconds.
"""

import os
import threading
from collections import defaultdict
from typing import Any

from local.emulator import MiniStack
from local.patches import replace, require

PROCESSES = max(4, 2 * (os.cpu_count() or 1))
# Longer than any function may run: who waits that long is told what the emulator tells.
_PATIENCE = 30.0


def take_turns(emulator: MiniStack) -> None:
    """Let calls of a function wait for one of its processes instead of starting ever more.

    Raises
    ------
    EmulatorError
        If the emulator hands out its workers in another way.
    """
    runtime, service = emulator.lambda_runtime, emulator.lambda_service
    acquire = require(runtime, "acquire_worker", "func_name", "config", "code_zip", "qualifier", "max_concurrency")
    release = require(runtime, "release_worker", "worker")
    places: defaultdict[str, threading.BoundedSemaphore] = defaultdict(lambda: threading.BoundedSemaphore(PROCESSES))
    held: dict[int, threading.BoundedSemaphore] = {}

    def acquire_in_turn(
        func_name: str,
        config: dict[str, Any],
        code_zip: bytes,
        qualifier: str = "$LATEST",
        max_concurrency: int | None = None,
    ) -> tuple[Any, str]:
        place = places[f"{func_name}:{qualifier}"]
        if not place.acquire(timeout=_PATIENCE):
            return None, "func_cap"
        worker, reason = acquire(func_name, config, code_zip, qualifier, max_concurrency)
        if worker is None:
            place.release()
        else:
            held[id(worker)] = place
        return worker, reason

    def release_in_turn(worker: Any) -> None:  # noqa: ANN401 (a class of the emulator)
        release(worker)
        if (place := held.pop(id(worker), None)) is not None:
            place.release()

    for owner in (runtime, service):  # the service has imported both by name
        replace(owner, "acquire_worker", acquire_in_turn)
        replace(owner, "release_worker", release_in_turn)
