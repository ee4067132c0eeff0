"""Why an event is retried although nothing is wrong with it."""


class RetryError(Exception):
    """The work on an event is not done yet and has to be retried. The consumers' frame logs no traceback."""


class BeingDoneError(RetryError):
    """Another function works on the same event right now, and may yet fail."""
