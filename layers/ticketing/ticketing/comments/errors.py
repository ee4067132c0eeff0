"""What can go wrong with comments, as answers of the contract."""

from ticketing.errors import ApiError


class CommentNotFoundError(ApiError):
    """The ticket has no such comment, or none that this caller may see."""

    status = 404
    code = "comment_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such comment.")
