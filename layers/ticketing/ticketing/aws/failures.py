"""Which failures of AWS pass: busy or ill services, and calls without an answer."""

from typing import Final

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004 - botocore's own

_TRANSIENT: Final = frozenset(
    {
        "InternalErrorException",
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
"""What AWS answers when it is the one that is busy or ill: worth a retry, by botocore first and then by the caller."""

_TRANSIENT_REASONS: Final = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})
"""The same, as the reason why a transaction was canceled."""


def is_transient(error: Exception) -> bool:
    """Return whether AWS was busy, ill or did not answer, so that the same call may succeed later."""
    if isinstance(error, ClientError):
        reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
        return error.response["Error"]["Code"] in _TRANSIENT or bool(reasons & _TRANSIENT_REASONS)
    return isinstance(error, (ConnectionError, HTTPClientError))  # not reached, timed out, cut off


def cause_of(error: BaseException) -> str:
    """Return what to log of a failure: AWS's error code, or the type of the exception. It quotes no content."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__
