"""What can go wrong in an operation, as one exception per answer of the contract.

Every error that a caller sees is `{"code", "message", "details"?, "requestId"}`. The pure parts raise these; the frame
turns them into an answer. Nothing else about a failure ever leaves the backend.
"""

from collections.abc import Sequence
from typing import ClassVar


class ApiError(Exception):
    """An answer that is not a success. `details` are short texts for people; their meaning depends on the code."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_server_error"
    retry_after: ClassVar[int | None] = None
    """Seconds after which trying again makes sense; None where it does not."""

    def __init__(self, message: str, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = list(details)


class InternalServerError(ApiError):
    """A bug, or an answer of AWS that nobody foresaw."""

    def __init__(self) -> None:
        super().__init__("Something went wrong on our side. Quote the request id when you report it.")


class BadRequestError(ApiError):
    """The request is not what the contract says; details name each place as `where: what`."""

    status = 400
    code = "bad_request"


class UnauthorizedError(ApiError):
    """No caller: the authorizer passed none on."""

    status = 401
    code = "unauthorized"


class ForbiddenError(ApiError):
    """The caller sees the thing but may not do this to it; details name the fields concerned, if any."""

    status = 403
    code = "forbidden"


class ConflictError(ApiError):
    """Others changed the same thing each time this request tried to, or it stands in the way."""

    status = 409
    code = "conflict"


class PreconditionFailedError(ApiError):
    """`If-Match` names another version than the current one."""

    status = 412
    code = "precondition_failed"

    def __init__(self) -> None:
        super().__init__("It has changed since you read it: its ETag is no longer the one in If-Match.")


class PayloadTooLargeError(ApiError):
    """The body, or the change that it asks for, is larger than one request may be."""

    status = 413
    code = "payload_too_large"


class UnsupportedMediaTypeError(ApiError):
    """The body is not declared as JSON."""

    status = 415
    code = "unsupported_media_type"


class IdempotencyKeyReusedError(ApiError):
    """The key already made something from another body."""

    status = 422
    code = "idempotency_key_reused"


class ServiceUnavailableError(ApiError):
    """AWS throttled, timed out or failed; whether a write landed is unknown unless the message says so."""

    status = 503
    code = "service_unavailable"
    retry_after = 1
