"""What can go wrong with an email, and whether it is sent later, never, or may have been sent."""

from ticketing.events.errors import RetryError


class NotSentError(RetryError):
    """SES has not taken the email, and may take it later (throttling, outage)."""


class OutOfTimeError(RetryError):
    """The function has no time for another email."""


class RefusedError(Exception):
    """SES has refused the email, which is permanent."""


class UnknownOutcomeError(Exception):
    """SES has not answered: the email may be on its way."""
