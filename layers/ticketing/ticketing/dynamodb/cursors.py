"""Opaque cursors: where the next page of a list starts, bound to the tenant and the query of the list.

A cursor consists of a position and a digest of the position, the tenant and the query. It contains no secret and grants
nothing: the repository builds every key from the verified tenant, so a forged cursor can only start the caller's own
list elsewhere. See docs/decisions/0004-cursors-without-a-secret.md.
"""

import base64
import binascii
import hashlib
import re

from ticketing.errors import BadRequestError

_DIGEST_BYTES = 12


def _digest(position: bytes, scope: str) -> bytes:
    return hashlib.sha256(scope.encode() + b"\n" + position).digest()[:_DIGEST_BYTES]


def encode(position: str, *, scope: str) -> str:
    """Return the cursor for a position in a list. `scope` is the tenant and the query, as text."""
    raw = position.encode()
    return base64.urlsafe_b64encode(_digest(raw, scope) + raw).decode().rstrip("=")


def decode(cursor: str, *, scope: str, shape: re.Pattern[str]) -> str:
    """Return the position in a cursor.

    Raises
    ------
    BadRequestError
        The cursor was altered, belongs to another tenant or query, or its position does not match `shape`.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        digest, position = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
        text = position.decode()
        if digest == _digest(position, scope) and shape.fullmatch(text) and encode(text, scope=scope) == cursor:
            return text
    except (binascii.Error, ValueError):
        pass
    raise not_given_out()


def not_given_out() -> BadRequestError:
    """Return the error for a cursor that was altered, or belongs to another list."""
    message = "The cursor is not one that this list gave out."
    return BadRequestError(message, ["cursor: take it from the Link header of the page before, with the same filters"])
