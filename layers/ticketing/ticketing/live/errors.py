"""What can go wrong with live updates, beyond what REST answers."""

from ticketing.errors import ApiError
from ticketing.events.errors import RetryError


class EventNotFoundError(ApiError):
    """The feed does not have the event, or not any more. So nobody knows what came after it."""

    status = 404
    code = "event_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such event in the last 24 hours. Read the tickets again.")


class TooManyRequestsError(ApiError):
    """The user or tenant has too many connections, or the user sends too many messages."""

    status = 429
    code = "too_many_requests"
    retry_after = 60


class FloodError(TooManyRequestsError):
    """The user kept sending messages after they were refused: the connection is closed."""


class NotAllSentError(RetryError):
    """Sending an event to some connections failed."""
