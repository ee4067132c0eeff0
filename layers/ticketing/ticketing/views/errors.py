"""What can go wrong with saved views: answers of the contract."""

from ticketing.errors import ApiError


class ViewNotFoundError(ApiError):
    """The caller has no such view, and sees none that is shared."""

    status = 404
    code = "view_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such view.")


class ViewNameTakenError(ApiError):
    """Another view of the same owner, or another shared one, has this name."""

    status = 409
    code = "view_name_taken"


class TooManyViewsError(ApiError):
    """The caller has the maximum number of views, or the tenant that of shared ones."""

    status = 409
    code = "too_many_views"
