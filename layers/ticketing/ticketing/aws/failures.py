"""Transient failures of AWS: throttling, internal errors, and calls without a response."""

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
"""The codes of transient errors, which are worth a retry: by botocore first, then by the caller."""

_TRANSIENT_REASONS: Final = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})
"""The same, as cancellation reasons of a transaction."""


def is_transient(error: Exception) -> bool:
    """Return whether a failure is transient, so that a retry may succeed."""
    if isinstance(error, ClientError):
        reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
        return error.response["Error"]["Code"] in _TRANSIENT or bool(reasons & _TRANSIENT_REASONS)
    return isinstance(error, (ConnectionError, HTTPClientError))  # no connection, timeout, connection lost


def cause_of(error: BaseException) -> str:
    """Return what to log of a failure: AWS's error code, or the exception's type. It contains no data."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__
