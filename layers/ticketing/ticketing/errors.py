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


class TicketNotFoundError(ApiError):
    """There is no such ticket, or none that this caller may see."""

    status = 404
    code = "ticket_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such ticket.")


class CommentNotFoundError(ApiError):
    """The ticket has no such comment, or none that this caller may see."""

    status = 404
    code = "comment_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such comment.")


class UserNotFoundError(ApiError):
    """There is no such user, or none that this caller may see."""

    status = 404
    code = "user_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such user.")


class TenantNotFoundError(ApiError):
    """The caller's tenant is not there: it is being made or being deleted."""

    status = 404
    code = "tenant_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such tenant.")


class ApiKeyNotFoundError(ApiError):
    """The tenant has no such API key."""

    status = 404
    code = "api_key_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such API key.")


class DeletionNotFoundError(ApiError):
    """No tenant with this id was deleted, or somebody else asked for it."""

    status = 404
    code = "deletion_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such deletion.")


class UserExistsError(ApiError):
    """Somebody uses this e-mail address already, in this tenant or elsewhere."""

    status = 409
    code = "user_exists"

    def __init__(self) -> None:
        super().__init__("This e-mail address can't be invited: somebody uses it already.")


class TenantNameTakenError(ApiError):
    """Another tenant has this name."""

    status = 409
    code = "tenant_name_taken"

    def __init__(self) -> None:
        super().__init__("Another tenant has this name. Choose another.")


class LastAdminError(ApiError):
    """The change would leave the tenant without an active admin."""

    status = 409
    code = "last_admin"

    def __init__(self) -> None:
        super().__init__("This is the tenant's last admin. Make somebody else an admin first.")


class TransitionNotAllowedError(ApiError):
    """The lifecycle has no such move from here; details name the statuses that this caller may choose."""

    status = 409
    code = "transition_not_allowed"


class TicketClosedError(ApiError):
    """The ticket is CLOSED: nobody writes comments on it until it is opened again."""

    status = 409
    code = "ticket_closed"

    def __init__(self) -> None:
        super().__init__("The ticket is closed. Open it again to comment on it.")


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


class TransitionRequirementMissingError(ApiError):
    """The move is allowed but the ticket lacks something for it; details name the field."""

    status = 422
    code = "transition_requirement_missing"


class IdempotencyKeyReusedError(ApiError):
    """The key already made something from another body."""

    status = 422
    code = "idempotency_key_reused"


class InvalidReferenceError(ApiError):
    """The body names a person who can't be named there; details name each field as `where: what`."""

    status = 422
    code = "invalid_reference"


class EmailDomainNotAllowedError(ApiError):
    """The tenant's settings do not allow addresses of this domain."""

    status = 422
    code = "email_domain_not_allowed"


class ServiceUnavailableError(ApiError):
    """AWS throttled, timed out or failed; whether a write landed is unknown unless the message says so."""

    status = 503
    code = "service_unavailable"
    retry_after = 1
