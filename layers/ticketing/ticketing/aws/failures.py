"""Transient failures of AWS: throttling, internal errors, and calls without a response."""

from typing import Final

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004 - botocore's own

_TRANSIENT: Final = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeout",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
"""The codes of transient errors of the 4xx kind, as botocore has them: it retries them first, then the caller does."""

_SERVER_ERROR: Final = 500

_TRANSIENT_REASONS: Final = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})
"""The same, as cancellation reasons of a transaction."""


def is_transient(error: Exception) -> bool:
    """Return whether a failure is transient, so that a retry may succeed."""
    if isinstance(error, ClientError):
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= _SERVER_ERROR:
            return True  # whatever its code: a load balancer's answer has none
        reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
        return error.response["Error"]["Code"] in _TRANSIENT or bool(reasons & _TRANSIENT_REASONS)
    return isinstance(error, (ConnectionError, HTTPClientError))  # no connection, timeout, connection lost


def cause_of(error: BaseException) -> str:
    """Return what to log of a failure: AWS's error code, or the exception's type. It contains no data."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__
