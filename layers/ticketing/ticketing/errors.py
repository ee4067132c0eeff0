"""The errors that all services share: one exception for each error response of the contract.

Every error response is `{"code", "message", "details"?, "requestId"}`. Rules and operations raise these exceptions, and
the frame turns them into responses. Callers see nothing else of a failure.
"""

from collections.abc import Sequence
from typing import ClassVar


class ApiError(Exception):
    """An error response. `details` are short texts for people; their meaning depends on the code."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_server_error"
    retry_after: int | None = None
    """Seconds until a retry makes sense; None if it does not."""

    def __init__(self, message: str, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = list(details)


class InternalServerError(ApiError):
    """A bug, or an unexpected response of AWS."""

    def __init__(self) -> None:
        super().__init__("Something went wrong on our side. Quote the request id when you report it.")


class DamagedItemError(ApiError):
    """What is stored can't be read. `dynamodb.damage` has logged where it is."""

    code = "damaged_item"

    def __init__(self) -> None:
        super().__init__("What is stored here is damaged and can't be read. Quote the request id when you report it.")


class BadRequestError(ApiError):
    """The request does not match the contract; details name each problem as `where: what`."""

    status = 400
    code = "bad_request"


class UnauthorizedError(ApiError):
    """The request has no authenticated caller."""

    status = 401
    code = "unauthorized"


class ForbiddenError(ApiError):
    """The caller may see the resource but not do this; details name the fields concerned, if any."""

    status = 403
    code = "forbidden"


class ConflictError(ApiError):
    """Every attempt met another change of the same resource, or its state does not allow the request."""

    status = 409
    code = "conflict"


class PreconditionFailedError(ApiError):
    """`If-Match` names another version than the current one."""

    status = 412
    code = "precondition_failed"

    def __init__(self) -> None:
        super().__init__("It has changed since you read it: its ETag is no longer the one in If-Match.")


class PayloadTooLargeError(ApiError):
    """The body or the change is too large for one request."""

    status = 413
    code = "payload_too_large"


class UnsupportedMediaTypeError(ApiError):
    """The body is not declared as JSON."""

    status = 415
    code = "unsupported_media_type"


class IdempotencyKeyReusedError(ApiError):
    """The same key was used with another body before."""

    status = 422
    code = "idempotency_key_reused"


class TooManyRequestsError(ApiError):
    """The caller's requests of this day are used up. They count anew at 00:00 UTC."""

    status = 429
    code = "too_many_requests"
    retry_after = 3600
    """As API Gateway's own answer to a tenant: soon enough after midnight, and no storm."""


class ServiceUnavailableError(ApiError):
    """AWS throttled, timed out or failed. Whether anything was written is unknown, unless the message says it."""

    status = 503
    code = "service_unavailable"
    retry_after = 1
