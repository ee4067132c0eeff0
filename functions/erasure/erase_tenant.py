"""eraseTenant: one step of a tenant's deletion. The state machine TenantDeletion calls it until the step is done."""

from typing import Any, Final

from ticketing.erasure.eraser import erase
from ticketing.events.consumer import Work, job

MARGIN: Final = 30_000
"""Milliseconds that must be left to start something. What was started may need time for retries."""


@job("eraseTenant")
def handler(event: dict[str, Any], work: Work) -> dict[str, Any]:
    """Run the step that `{tenantId, step}` names. Return `{done}` and the counts of what was deleted."""
    work.log(tenantId=event["tenantId"], step=event["step"])
    result = erase(event["tenantId"], event["step"], lambda: work.milliseconds_left > MARGIN)
    work.log(**result)
    return result
