"""The frame of the WebSocket API's functions: error responses, one log line per request.

Nothing that clients send is logged, and no header: one may hold a token.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.logging import Logger

from ticketing.access.identity import caller_of
from ticketing.api.frame import LambdaHandler, known_error
from ticketing.errors import ApiError, InternalServerError

logger = Logger()

type Handle = Callable[[Mapping[str, Any]], dict[str, Any]]
type Refuse = Callable[[Mapping[str, Any], ApiError], dict[str, Any]]


def live_endpoint(operation: str, refuse: Refuse) -> Callable[[Handle], LambdaHandler]:
    """Turn a function from event to response into a Lambda handler; `refuse` makes the response for an error."""

    def decorate(handle: Handle) -> LambdaHandler:
        def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
            started = time.perf_counter()
            gateway = event["requestContext"]
            log = {
                "requestId": gateway["requestId"],
                "functionRequestId": context.aws_request_id,
                "connectionId": gateway["connectionId"],
            }
            code = None
            try:
                caller = caller_of(event)
                log |= {"tenantId": caller.tenant_id, "userId": caller.user_id, "role": caller.role.value}
                answer = handle(event)
            except Exception as error:
                known = known_error(error)
                code = known.code
                answer = refuse(event, known)
                if known.status >= InternalServerError.status:
                    logger.exception(operation, extra=log)
            milliseconds = round((time.perf_counter() - started) * 1000, 2)
            logger.info(operation, extra=log | {"code": code, "ms": milliseconds})
            return answer

        return handler

    return decorate
