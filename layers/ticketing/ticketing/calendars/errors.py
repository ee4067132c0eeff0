"""What can go wrong with calendars: answers of the contract."""

from ticketing.errors import ApiError


class CalendarNotFoundError(ApiError):
    """The tenant has no such calendar."""

    status = 404
    code = "calendar_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such calendar.")


class CalendarNameTakenError(ApiError):
    """Another calendar of the tenant has this name."""

    status = 409
    code = "calendar_name_taken"

    def __init__(self) -> None:
        super().__init__("Another calendar has this name, but for case, width and spaces.", ["name"])


class TooManyCalendarsError(ApiError):
    """The tenant has the maximum number of calendars."""

    status = 409
    code = "too_many_calendars"


class CalendarIsDefaultError(ApiError):
    """The tenant's default can't be deleted."""

    status = 409
    code = "calendar_is_default"

    def __init__(self) -> None:
        super().__init__("This is the default. Make another calendar the default, or this one no default, first.")
