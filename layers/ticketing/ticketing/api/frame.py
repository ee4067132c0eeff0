"""The frame around every operation: from API Gateway's event to a typed request, from result or error to an answer.

    @endpoint(Operation.GET_TICKET)
    def handler(request: Request) -> Response: ...

What is left for a handler is its operation. The frame identifies the caller and finds what is granted, turns errors
into the contract's answers, logs one line per request, counts it as a metric, and adds the CORS headers of the
deployment.
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
from ticketing.api import cors
from ticketing.api.bodies import NoQuery
from ticketing.api.request import Request
from ticketing.aws.data import of_caller
from ticketing.aws.failures import is_transient
from ticketing.deployment import DEPLOYMENT
from ticketing.errors import ApiError, ForbiddenError, InternalServerError, ServiceUnavailableError
from ticketing.metrics import count
from ticketing.people.repository import People, PersonGoneError

logger = Logger()


@dataclass(frozen=True, slots=True)
class Response:
    """What an operation answers. `etag` is the version that the body shows; a body of None is an empty answer.

    `html` is a page for people, in the place of a body.
    """

    status: int
    body: Any = None
    html: str | None = None
    etag: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


type LambdaHandler = Callable[[dict[str, Any], Any], dict[str, Any]]


def endpoint(
    operation: Operation, *, takes_query: bool = False
) -> Callable[[Callable[[Request], Response]], LambdaHandler]:
    """Make a Lambda handler for API Gateway of a function from request to response.

    Without `takes_query`, a request with query parameters is refused: one that says `?dryRun=true` must not delete.
    """

    def decorate(handle: Callable[[Request], Response]) -> LambdaHandler:
        def answer(event: dict[str, Any], log: dict[str, Any]) -> Response:
            caller = caller_of(event)
            log |= {"tenantId": caller.tenant_id, "userId": caller.user_id, "role": caller.role.value}
            request = Request(event, grant(operation, caller))
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
    """Make a Lambda handler for API Gateway of a function from its event to a response, for whoever calls.

    Nobody is identified and nothing is granted: what the function may do follows from what it is given. Nothing of the
    request is logged, since its address may be a secret.
    """

    def decorate(handle: Callable[[Mapping[str, Any]], Response]) -> LambdaHandler:
        return _framed(operation, handle, lambda event, _log: handle(event))

    return decorate


def _framed(
    operation: Operation | PublicOperation,
    handle: Callable[..., Response],
    answer: Callable[[dict[str, Any], dict[str, Any]], Response],
) -> LambdaHandler:
    """Return the Lambda handler that gives `answer`, of an event and the log line to add to, or the error it raises."""

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
    """Let the caller pass whose row, as it is now, has the operation too, or raise ForbiddenError.

    Rows go with their tenant only, which the operations' writes look at.
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
    """Keep back the answer of a handler that never asked whether the thing at hand is within its grant."""
    if not granted.everything and not granted.looked:
        message = f"{granted.operation} answered without a look at its grant"
        raise AssertionError(message)


def known_error(error: Exception) -> ApiError:
    """Return the error of the contract that an exception stands for."""
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
    elif response.body is not None:
        headers["Content-Type"] = "application/json"
        text = json.dumps(response.body, ensure_ascii=False, separators=(",", ":"))
    return {"statusCode": response.status, "headers": headers, "body": text}
