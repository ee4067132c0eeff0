"""Identifiers: UUIDs that are ordered by time, or derived from their input (RFC 9562).

Python 3.13 has neither kind (`uuid.uuid7` comes with 3.14), and a package for ten lines would make cold starts slower.
"""

import hashlib
import os
import time
from datetime import datetime
from uuid import UUID

_VARIANT = 0b10 << 62


def _layout(bits: int, version: int) -> UUID:
    """Return 128 bits as a UUID with its version and variant fields set."""
    return UUID(int=(bits & ~(0xF << 76) & ~(0b11 << 62)) | (version << 76) | _VARIANT)


def new_id() -> str:
    """Return a time-ordered UUID (version 7): milliseconds since 1970, then random bits."""
    milliseconds = time.time_ns() // 1_000_000
    return str(_layout((milliseconds << 80) | int.from_bytes(os.urandom(10)), version=7))


def derived_id(*parts: str) -> str:
    """Return the UUID (version 8) that is derived from the parts: the same parts always give the same id.

    It makes a request idempotent: a retry finds what the first attempt created. The parts are length-prefixed, so
    different lists of parts never give the same input.
    """
    return str(_layout(int.from_bytes(_digest(parts)[:16]), version=8))


def timed_id(moment: datetime, *parts: str) -> str:
    """Return the UUID (version 8) that is derived from the parts and ordered by the time like those of `new_id`."""
    milliseconds = int(moment.timestamp() * 1000)
    return str(_layout((milliseconds << 80) | int.from_bytes(_digest(parts)[:10]), version=8))


def _digest(parts: tuple[str, ...]) -> bytes:
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).digest()
