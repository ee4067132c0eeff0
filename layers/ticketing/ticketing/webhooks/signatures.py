"""Secrets and signatures of webhooks, by Standard Webhooks 1.0.

A secret is `whsec_` and the base64 of 24 to 64 bytes. The signed text is `<id>.<timestamp>.<body>`.
"""

import base64
import binascii
import hmac
import os
from collections.abc import Iterable
from typing import Final

PREFIX: Final = "whsec_"
"""How every secret starts; a scanner for leaked secrets can look for it."""

_NEW_BYTES: Final = 32
_SHORTEST, _LONGEST = 24, 64


def new_secret() -> str:
    """Return a secret of 256 random bits."""
    return PREFIX + base64.b64encode(os.urandom(_NEW_BYTES)).decode()


def secret_bytes(secret: str) -> bytes:
    """Return the key that a secret stands for.

    Raises
    ------
    ValueError
        It is none; the message says what one looks like, and nothing of what was given.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not _SHORTEST <= len(key) <= _LONGEST:
        message = f"must be {PREFIX} and the base64 of {_SHORTEST} to {_LONGEST} bytes"
        raise ValueError(message)
    return key


def headers(secrets: Iterable[str], delivery_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers that prove a delivery (its time in seconds since 1970), with a signature by each secret."""
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    digests = [hmac.digest(secret_bytes(secret), signed, "sha256") for secret in secrets]
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }
