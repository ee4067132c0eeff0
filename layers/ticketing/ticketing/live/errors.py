"""What can go wrong on a connection, beyond what REST answers."""

from ticketing.errors import ApiError


class EventNotFoundError(ApiError):
    """The feed has no such event (any more): there is no saying what came after it."""

    status = 404
    code = "event_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such event in the last 24 hours. Read the tickets again.")
