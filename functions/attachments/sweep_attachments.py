"""sweepAttachments: finds what events were lost for, and rows and objects without each other. Runs hourly."""

from dataclasses import asdict
from typing import Any, Final

from ticketing.attachments.sweep import Sweep
from ticketing.events.consumer import Work, job

_LAST_START: Final = 60_000
"""Milliseconds that must be left to start with another file. AWS may need them if it does not answer."""


class NotAllSweptError(Exception):
    """Something failed. The next run tries again."""


@job("sweepAttachments")
def handler(_event: dict[str, Any], work: Work) -> None:
    """Sweep the files of all tenants. Half of the time is for those that something has to follow.

    Raises
    ------
    NotAllSweptError
        Some files failed. All others were looked at before.
    """
    half = work.milliseconds_left // 2
    swept = Sweep().run(
        lambda: work.milliseconds_left > max(half, _LAST_START), lambda: work.milliseconds_left > _LAST_START
    )
    work.log(**asdict(swept))
    work.count("FilesMissing", swept.missing)
    work.count("ScansOverdue", swept.overdue)
    if swept.failed:
        message = f"failed {swept.failed} times"
        raise NotAllSweptError(message)
