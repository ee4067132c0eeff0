"""The memory of a process."""

import re
import resource
from pathlib import Path


def peak() -> float:
    """Return how many MB of memory this process has had at most, the parts of files in it included."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage may tell the peak of the process that started this one
        return int(re.findall(r"VmHWM:\s+(\d+)", status.read_text())[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
