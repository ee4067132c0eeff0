"""reconcileUsers: called by schedules, every few minutes for what is pending and now and then for everything."""

from typing import Any

from ticketing.users.reconciliation import reconcile


def handler(event: dict[str, Any], _context: Any) -> dict[str, int]:  # noqa: ANN401 - Lambda's own type
    """Bring table and Cognito together; with `{"everything": true}` look at every account, too."""
    return reconcile(everything=bool(event.get("everything")))
