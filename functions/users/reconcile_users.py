"""reconcileUsers: runs by schedules, every few minutes for pending items and less often for all accounts."""

from typing import Any

from ticketing.events.consumer import Work, job
from ticketing.users.reconciliation import reconcile


@job("reconcileUsers")
def handler(event: dict[str, Any], work: Work) -> dict[str, int]:
    """Finish pending changes in Cognito; with `{"everything": true}`, compare every account with its row, too."""
    everything = bool(event.get("everything"))
    run = reconcile(everything=everything)
    work.log(done=run.done, failed=run.failed)
    if everything:
        work.count("TenantKeys", run.tenant_keys)  # an account may have 10,000 in a Region
    run.raise_failures()
    return dict(run.done)
