"""eraseTenant: a step of a tenant's deletion, called by the state machine TenantDeletion until it is done."""

from typing import Any, Final

from ticketing.erasure.eraser import erase
from ticketing.events.consumer import Work, job

MARGIN: Final = 30_000
"""Milliseconds before its end when the function begins nothing more: what was begun may wait and be tried again."""


@job("eraseTenant")
def handler(event: dict[str, Any], work: Work) -> dict[str, Any]:
    """Do the step that `{tenantId, step}` names; answer `{done}` with what was erased."""
    work.log(tenantId=event["tenantId"], step=event["step"])
    result = erase(event["tenantId"], event["step"], lambda: work.milliseconds_left > MARGIN)
    work.log(**result)
    return result
