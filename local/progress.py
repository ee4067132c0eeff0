"""Progress lines on standard error, with the seconds since the start."""

import os
import sys
import time

# make counts from its own start, which may have installed everything first.
_started = time.monotonic() - max(0.0, time.time() - float(os.environ.get("LOCAL_STARTED") or time.time()))


def say(text: str) -> None:
    """Print one line with the seconds since the start in front of it."""
    print(f"[{time.monotonic() - _started:6.1f}s] {text}", file=sys.stderr, flush=True)


def elapsed() -> float:
    """Seconds since the start."""
    return time.monotonic() - _started
