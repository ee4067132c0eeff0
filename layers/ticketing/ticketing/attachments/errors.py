"""The errors of attachments, as the contract's responses."""

from ticketing.errors import ApiError


class AttachmentNotFoundError(ApiError):
    """The ticket has no such file, or the caller may not see it."""

    status = 404
    code = "attachment_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such attachment.")


class AttachmentNotReadyError(ApiError):
    """The file has not arrived, or is not scanned yet: later it can be read, or never."""

    status = 409
    code = "attachment_not_ready"

    def __init__(self) -> None:
        super().__init__("The file has not arrived, or is being scanned. Try again in a moment.")


class AttachmentRejectedError(ApiError):
    """The file can never be read; details say why."""

    status = 409
    code = "attachment_rejected"


class AttachmentLimitReachedError(ApiError):
    """The ticket has as many files as it may have."""

    status = 409
    code = "attachment_limit_reached"


class AttachmentStorageFullError(ApiError):
    """The tenant's files would have more bytes together than they may have."""

    status = 409
    code = "attachment_storage_full"

    def __init__(self) -> None:
        super().__init__("The files of your organization use all of its storage. Delete some, or ask for more.")
