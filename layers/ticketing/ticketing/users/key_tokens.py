"""API key tokens: `tsk_<tenant>_<id><secret>`. Only a hash is stored; the token is shown once.

With tenant and id, the key's item takes one read. The secret has 256 random bits, so a plain SHA-256 is enough: a slow
hash only protects secrets that can be guessed (docs/decisions/0013-api-keys.md).
"""

import hashlib
import re
import secrets
import string
from dataclasses import dataclass
from typing import Final
from uuid import UUID

PREFIX: Final = "tsk_"
"""The prefix of every token. Scanners for leaked secrets can search for it."""

_ALPHABET = string.digits + string.ascii_letters
_SECRET_LENGTH = 43  # 62^43 > 2^256
_TOKEN = re.compile(rf"{PREFIX}([0-9A-Za-z_-]{{1,64}})_([0-9a-f]{{32}})[0-9A-Za-z]{{{_SECRET_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class KeyName:
    """The key that a token claims to be for. Only the comparison of hashes proves it."""

    tenant_id: str
    key_id: str


def make(name: KeyName) -> str:
    """Return a new token for the key."""
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))
    return f"{PREFIX}{name.tenant_id}_{UUID(name.key_id).hex}{secret}"


def parse(token: str) -> KeyName | None:
    """Return which key the token claims to be for, or None if it does not have the format of a token."""
    match = _TOKEN.fullmatch(token)
    return KeyName(match[1], str(UUID(match[2]))) if match else None


def hashed(token: str) -> str:
    """Return what is stored of a token: the SHA-256 of all of it, in hex."""
    return hashlib.sha256(token.encode()).hexdigest()
