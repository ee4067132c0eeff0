"""eraseTenant: a step of a tenant's deletion, called by the state machine TenantDeletion until it is done."""

from typing import Any, Final

from aws_lambda_powertools.logging import Logger

from ticketing.erasure.eraser import erase

MARGIN: Final = 30_000
"""Milliseconds before its end when the function begins nothing more: what was begun may wait and be tried again."""

logger = Logger(service="tenants")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    """Do the step that `{tenantId, step}` names; answer `{done}` with what was erased."""
    result = erase(event["tenantId"], event["step"], lambda: context.get_remaining_time_in_millis() > MARGIN)
    logger.info("eraseTenant", extra={"tenantId": event["tenantId"], "step": event["step"], **result})
    return result
