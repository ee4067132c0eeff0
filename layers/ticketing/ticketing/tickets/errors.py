"""The errors of tickets, as the contract's responses."""

from ticketing.errors import ApiError


class TicketNotFoundError(ApiError):
    """There is no such ticket, or the caller may not see it."""

    status = 404
    code = "ticket_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such ticket.")


class TicketClosedError(ApiError):
    """The ticket is CLOSED: nobody can comment on it, or attach files, until it is reopened."""

    status = 409
    code = "ticket_closed"

    def __init__(self, to: str = "comment on it") -> None:
        super().__init__(f"The ticket is closed. Open it again to {to}.")


class TransitionNotAllowedError(ApiError):
    """The lifecycle does not allow this transition; details name the statuses that the caller may choose."""

    status = 409
    code = "transition_not_allowed"


class TransitionRequirementMissingError(ApiError):
    """The transition is allowed, but a field that it needs is empty; details name the field."""

    status = 422
    code = "transition_requirement_missing"


class InvalidReferenceError(ApiError):
    """The body names a person who can't be named there; details name each field as `where: what`."""

    status = 422
    code = "invalid_reference"
