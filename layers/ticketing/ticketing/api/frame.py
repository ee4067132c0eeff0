"""The frame of every operation: from API Gateway's event to a typed request, from result or error to a response.

    @endpoint(Operation.GET_TICKET)
    def handler(request: Request) -> Response: ...

The frame identifies the caller, checks the permission, turns errors into the contract's responses, logs one line and
counts one metric per request, and adds the CORS headers. The handler contains only its operation.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

from aws_lambda_powertools.logging import Logger

from ticketing.access.identity import Caller, caller_of
from ticketing.access.permissions import RECHECKED, Grant, Operation, PublicOperation, grant
from ticketing.access.roles import Role
from ticketing.api import cors
from ticketing.api.bodies import NoQuery
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.aws.failures import is_transient
from ticketing.deployment import DEPLOYMENT
from ticketing.errors import ApiError, ForbiddenError, InternalServerError, ServiceUnavailableError
from ticketing.metrics import count
from ticketing.people.newcomers import newcomers
from ticketing.people.repository import People, PersonGoneError

logger = Logger()


@dataclass(frozen=True, slots=True)
class Response:
    """The response of an operation. `etag` is the version that the body shows; None means no body.

    `html` is a page for people, and `csv` a table for spreadsheets, instead of a body.
    """

    status: int
    body: Any = None
    html: str | None = None
    csv: str | None = None
    etag: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


type LambdaHandler = Callable[[dict[str, Any], Any], dict[str, Any]]


def endpoint(
    operation: Operation, *, takes_query: bool = False
) -> Callable[[Callable[[Request], Response]], LambdaHandler]:
    """Turn a function from request to response into a Lambda handler for API Gateway.

    Without `takes_query`, a request with query parameters is refused: `?dryRun=true` must not delete anything.
    """

    def decorate(handle: Callable[[Request], Response]) -> LambdaHandler:
        def answer(event: dict[str, Any], log: dict[str, Any]) -> Response:
            caller = caller_of(event)
            log |= {"tenantId": caller.tenant_id, "userId": caller.user_id, "role": caller.role.value}
            request = Request(event, grant(operation, caller))
            if caller.role is Role.NEWCOMER:
                newcomers().count_request(caller.user_id)
            if operation in RECHECKED:
                _recheck(operation, caller)
            if not takes_query:
                request.query(NoQuery)
            response = handle(request)
            _check_looked(request.grant)
            return response

        return _framed(operation, handle, answer)

    return decorate


def public(operation: PublicOperation) -> Callable[[Callable[[Mapping[str, Any]], Response]], LambdaHandler]:
    """Turn a function from event to response into a Lambda handler for API Gateway, without authentication.

    What the function may do depends only on its input, such as a signed link. Nothing of the request is logged, because
    its path may be a secret.
    """

    def decorate(handle: Callable[[Mapping[str, Any]], Response]) -> LambdaHandler:
        return _framed(operation, handle, lambda event, _log: handle(event))

    return decorate


def _framed(
    operation: Operation | PublicOperation,
    handle: Callable[..., Response],
    answer: Callable[[dict[str, Any], dict[str, Any]], Response],
) -> LambdaHandler:
    """Return the Lambda handler that calls `answer` with an event and its log line, and answers with its error."""

    @wraps(handle)
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
        started = time.perf_counter()
        request_id = event["requestContext"]["requestId"]
        log = {"operation": operation.value, "requestId": request_id, "functionRequestId": context.aws_request_id}
        code = None
        try:
            response = answer(event, log)
        except Exception as error:
            known = known_error(error)
            response, code = _refusal(known, request_id), known.code
            if known.status >= InternalServerError.status:
                logger.exception(operation.value, extra=log)
        milliseconds = round((time.perf_counter() - started) * 1000, 2)
        logger.info(operation.value, extra=log | {"status": response.status, "code": code, "ms": milliseconds})
        count({"Requests": 1}, {"operation": operation.value, "outcome": code or "ok"})
        return _answer(response, event)

    return handler


def _recheck(operation: Operation, caller: Caller) -> None:
    """Raise ForbiddenError unless the caller's current row permits the operation, too.

    A caller without a row passes: rows are only deleted with their tenant, which the operations' writes check.
    """
    try:
        role = People(of_caller(caller)).role_now(caller.user_id)
    except PersonGoneError:
        return
    if role is None:
        message = "You are not active any more."
        raise ForbiddenError(message)
    grant(operation, replace(caller, role=role))


def _check_looked(granted: Grant) -> None:
    """Hold back the response of a handler that did not check its grant."""
    if not granted.everything and not granted.looked:
        message = f"{granted.operation} did not check its grant"
        raise AssertionError(message)


def known_error(error: Exception) -> ApiError:
    """Return the contract's error for an exception."""
    if isinstance(error, ApiError):
        return error
    if is_transient(error):
        message = "A service that this depends on is busy. Nothing is half done: a write landed whole or not at all."
        return ServiceUnavailableError(message)
    return InternalServerError()


def _refusal(error: ApiError, request_id: str) -> Response:
    body: dict[str, Any] = {"code": error.code, "message": error.message, "requestId": request_id}
    if error.details:
        body["details"] = error.details
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return Response(error.status, body, headers=headers)


def _answer(response: Response, event: Mapping[str, Any]) -> dict[str, Any]:
    headers = {
        "Cache-Control": "no-store",
        **cors.headers(event, DEPLOYMENT.cors_origins),
        **response.headers,
    }
    if response.etag is not None:
        headers |= {"ETag": f'"{response.etag}"', "Cache-Control": "private, no-cache"}
    text = ""
    if response.html is not None:
        headers["Content-Type"] = "text/html; charset=utf-8"
        text = response.html
    elif response.csv is not None:
        headers["Content-Type"] = "text/csv; charset=utf-8; header=present"
        text = response.csv
    elif response.body is not None:
        headers["Content-Type"] = "application/json"
        text = json.dumps(response.body, ensure_ascii=False, separators=(",", ":"))
    return {"statusCode": response.status, "headers": headers, "body": text}
