"""Times in the API's format: UTC, RFC 3339, milliseconds, `Z`."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """Return a UTC moment as text: 2026-01-31T09:30:00.000Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
