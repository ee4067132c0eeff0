"""Verifies tokens, for the authorizers of the API and of the WebSocket API: ID tokens and API keys.

The token says who; the row in the users table says what they are now: their role, whether they are active, and from
when their tokens count. It is read at each call, and nothing of it is kept: API Gateway keeps the answer for a minute.

PyJWT is packaged with the functions of functions/identity and is not in the layer: nothing else can import this.
"""

import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, Literal

import jwt
from aws_lambda_powertools.logging import Logger
from botocore.exceptions import BotoCoreError, ClientError
from jwt.utils import base64url_decode, base64url_encode

from ticketing import clock
from ticketing.access.identity import NOBODYS, TENANT_ID
from ticketing.access.roles import Role
from ticketing.aws.data import of_tenant
from ticketing.deployment import DEPLOYMENT
from ticketing.users import key_tokens
from ticketing.users.token_repository import TokenRepository

_HEADER: Final = re.compile(r"Bearer ([-0-9A-Za-z._]+)")
"""The one spelling of the header. API Gateway refuses every other by itself (openapi/compose.py)."""

_USE_RECORDED_EVERY = timedelta(seconds=60)
"""How old `lastUsedAt` may be: a use within this time is not written again."""

logger = Logger()


class TokenRefusedError(Exception):
    """The token is not valid. The text says why, for the log only, and contains nothing of the token."""


@dataclass(frozen=True, slots=True)
class TokenOwner:
    """The user that a token belongs to."""

    user_id: str
    tenant_id: str
    role: Role
    kind: Literal["PERSON", "API_KEY"]
    token_issued_at: int | None
    """Seconds since 1970; None for an API key."""
    token_expires_at: int | None
    """Seconds since 1970; None for an API key that does not expire."""


def bearer_token(header: str) -> str:
    """Return the token of an `Authorization` header: exactly `Bearer`, one space and the token.

    API Gateway caches by the header as it was sent. With one spelling, one token is one entry of its cache.

    Raises
    ------
    TokenRefusedError
        It is spelled in another way, or there is no token.
    """
    match = _HEADER.fullmatch(header)
    if match is None:
        message = "no bearer token, or not in its one spelling"
        raise TokenRefusedError(message)
    return match[1]


def verify_token(token: str) -> TokenOwner:
    """Return the owner of a valid token.

    Raises
    ------
    TokenRefusedError
        It is neither a valid ID token of an active user nor an active API key.
    """
    return _verify_api_key(token) if token.startswith(key_tokens.PREFIX) else _verify_person(token)


# --- people: ID tokens of the user pool ------------------------------------------------------------------------------


def _verify_person(token: str) -> TokenOwner:
    claims = _claims(token)
    user_id, tenant_id = str(claims["sub"]), str(claims.get("custom:tenantId") or NOBODYS)
    if tenant_id == NOBODYS:
        return TokenOwner(user_id, NOBODYS, Role.NEWCOMER, "PERSON", claims["iat"], claims["exp"])
    if not TENANT_ID.fullmatch(tenant_id):
        message = "issued for what is no tenant's id"
        raise TokenRefusedError(message)
    # After the token is verified: an invalid one must not cause a read.
    person = TokenRepository(of_tenant(tenant_id)).get_person(user_id)
    if person is None:
        message = "the user has no row in the tenant"
        raise TokenRefusedError(message)
    if not person.active:
        message = "the user is deactivated"
        raise TokenRefusedError(message)
    if person.tokens_valid_from is None or claims["iat"] < person.tokens_valid_from:
        message = "issued before the user's tokens count"
        raise TokenRefusedError(message)
    return TokenOwner(user_id, tenant_id, person.role, "PERSON", claims["iat"], claims["exp"])


@cache
def _keys() -> jwt.PyJWKClient:
    """Return the user pool's public keys. They are fetched once, and again when a token names an unknown key."""
    # The AWS SDKs read AWS_ENDPOINT_URL; the local AWS serves the keys at the same address.
    base = DEPLOYMENT.endpoint_url or f"https://cognito-idp.{DEPLOYMENT.region}.amazonaws.com"
    url = f"{base.rstrip('/')}/{DEPLOYMENT.user_pool_id}/.well-known/jwks.json"
    return jwt.PyJWKClient(url, cache_keys=True, lifespan=3600, timeout=3)


def _issuer() -> str:
    return f"https://cognito-idp.{DEPLOYMENT.region}.amazonaws.com/{DEPLOYMENT.user_pool_id}"


def _claims(token: str) -> dict[str, Any]:
    """Return the claims of an ID token of this user pool, after checking its signature and expiry."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            _keys().get_signing_key_from_jwt(token).key,
            algorithms=["RS256"],
            audience=DEPLOYMENT.client_id,
            issuer=_issuer(),
            options={"require": ["exp", "iat", "sub", "token_use"]},
        )
    except jwt.PyJWKClientConnectionError:
        # Not the caller's fault: they get 503, and API Gateway caches nothing.
        logger.exception("fetching the user pool's keys failed")
        raise
    except (jwt.InvalidTokenError, jwt.PyJWKClientError) as error:
        raise TokenRefusedError(type(error).__name__) from None  # its text may contain the token
    if claims["token_use"] != "id":
        message = "not an ID token"
        raise TokenRefusedError(message)
    _check_spelling(token)
    return claims


def _check_spelling(token: str) -> None:
    """Refuse another spelling of the same signature: the last character of base64url has bits that nothing reads.

    The signature covers the text of the other two parts.
    """
    signature = token.rpartition(".")[2]
    if base64url_encode(base64url_decode(signature)) != signature.encode():
        message = "the signature is spelled in another way"
        raise TokenRefusedError(message)


# --- API keys --------------------------------------------------------------------------------------------------------


def _verify_api_key(token: str) -> TokenOwner:
    name = key_tokens.parse(token)
    if name is None:
        message = "not the format of an API key"
        raise TokenRefusedError(message)
    keys = TokenRepository(of_tenant(name.tenant_id))
    key = keys.get_key(name.key_id)
    if key is None or not hmac.compare_digest(key.key_hash, key_tokens.hashed(token)):
        message = "no such API key"
        raise TokenRefusedError(message)
    now = clock.now()
    if not key.active or (key.expires_at is not None and key.expires_at <= now):
        message = "the API key is revoked or has expired"
        raise TokenRefusedError(message)
    if key.last_used_at is None or now - key.last_used_at > _USE_RECORDED_EVERY:
        _record_use(keys, name.key_id, now)
    expires_at = None if key.expires_at is None else int(key.expires_at.timestamp())
    return TokenOwner(name.key_id, name.tenant_id, key.role, "API_KEY", None, expires_at)


def _record_use(keys: TokenRepository, key_id: str, now: datetime) -> None:
    """Write when the key was used. A failure is only logged: the call itself matters more."""
    try:
        keys.record_use(key_id, now=now)
    except (BotoCoreError, ClientError) as error:
        logger.warning("the use of an API key was not recorded", extra={"reason": type(error).__name__})
