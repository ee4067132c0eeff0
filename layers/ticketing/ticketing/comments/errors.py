"""The errors of comments, as the contract's responses."""

from ticketing.errors import ApiError


class CommentNotFoundError(ApiError):
    """The ticket has no such comment, or the caller may not see it."""

    status = 404
    code = "comment_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such comment.")
