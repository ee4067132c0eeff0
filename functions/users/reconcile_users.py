"""reconcileUsers: called by schedules, every few minutes for what is pending and now and then for everything."""

from typing import Any

from ticketing.events.consumer import Work, job
from ticketing.users.reconciliation import reconcile


@job("reconcileUsers")
def handler(event: dict[str, Any], work: Work) -> dict[str, int]:
    """Bring table and Cognito together; with `{"everything": true}` look at every account, too."""
    run = reconcile(everything=bool(event.get("everything")))
    work.log(done=run.done, failed=run.failed)
    run.raise_failures()
    return dict(run.done)
