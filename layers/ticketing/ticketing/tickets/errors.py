"""What can go wrong with tickets, as answers of the contract."""

from ticketing.errors import ApiError


class TicketNotFoundError(ApiError):
    """There is no such ticket, or none that this caller may see."""

    status = 404
    code = "ticket_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such ticket.")


class TicketClosedError(ApiError):
    """The ticket is CLOSED: nobody writes comments on it until it is opened again."""

    status = 409
    code = "ticket_closed"

    def __init__(self) -> None:
        super().__init__("The ticket is closed. Open it again to comment on it.")


class TransitionNotAllowedError(ApiError):
    """The lifecycle has no such move from here; details name the statuses that this caller may choose."""

    status = 409
    code = "transition_not_allowed"


class TransitionRequirementMissingError(ApiError):
    """The move is allowed but the ticket lacks something for it; details name the field."""

    status = 422
    code = "transition_requirement_missing"


class InvalidReferenceError(ApiError):
    """The body names a person who can't be named there; details name each field as `where: what`."""

    status = 422
    code = "invalid_reference"
