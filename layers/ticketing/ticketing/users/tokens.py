"""Who sends a token: what the authorizers of the API and of the WebSocket API share.

PyJWT comes with the functions of functions/identity, not with the layer: nobody else imports this.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

import jwt
from aws_lambda_powertools.logging import Logger
from botocore.exceptions import BotoCoreError, ClientError

from ticketing import clock
from ticketing.access.identity import NOBODYS, TENANT_ID
from ticketing.access.roles import Role
from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT
from ticketing.dynamodb.attributes import to_item
from ticketing.people.keys import user_key
from ticketing.users import key_tokens

_ROLES = (Role.ADMIN, Role.AGENT, Role.REPORTER)  # the widest first: it counts for a user in several groups

_USED_AGAIN = timedelta(seconds=60)
"""How old `lastUsedAt` gets before it is written anew."""

logger = Logger()


class TokenRefusedError(Exception):
    """The token is not one of somebody's; the text says why, for the log alone, and holds nothing of the token."""


@dataclass(frozen=True, slots=True)
class TokenOwner:
    """Whose token it is."""

    user_id: str
    tenant_id: str
    role: Role | None
    """None for a person whose tenant has given them no role: known, but allowed nothing."""
    kind: Literal["PERSON", "API_KEY"]
    token_expires_at: int | None
    """Seconds since 1970; None for an API key without an end."""


def verify_token(token: str) -> TokenOwner:
    """Return who sends a token.

    Raises
    ------
    TokenRefusedError
        It is neither a valid, current ID token of a user of this pool nor an API key in force.
    """
    return _api_key(token) if token.startswith(key_tokens.PREFIX) else _person(token)


# --- people: ID tokens of the user pool ------------------------------------------------------------------------------


def _person(token: str) -> TokenOwner:
    claims = _verified(token)
    user_id, tenant_id = str(claims["sub"]), str(claims.get("custom:tenantId") or NOBODYS)
    # Only now: whoever has no valid token does not make it ask Cognito.
    account = _account(user_id)
    if account.get("custom:tenantId", NOBODYS) != tenant_id:
        message = "the user has changed tenant since it was issued"
        raise TokenRefusedError(message)
    if claims["iat"] < int(account.get("custom:tokensValidFrom") or 0):
        message = "the user has changed since it was issued"
        raise TokenRefusedError(message)
    if tenant_id == NOBODYS:
        return TokenOwner(user_id, NOBODYS, Role.NEWCOMER, "PERSON", claims["exp"])
    role = _role(claims) if TENANT_ID.fullmatch(tenant_id) else None
    return TokenOwner(user_id, tenant_id, role, "PERSON", claims["exp"])


def _account(user_id: str) -> dict[str, str]:
    """Return the attributes that the user has at this moment, by name."""
    client = clients.cognito()
    try:
        user = client.admin_get_user(UserPoolId=DEPLOYMENT.user_pool_id, Username=user_id)
    except client.exceptions.UserNotFoundException:
        message = "the user is gone"
        raise TokenRefusedError(message) from None
    if not user["Enabled"]:
        message = "the user is deactivated"
        raise TokenRefusedError(message)
    return {attribute["Name"]: attribute.get("Value", "") for attribute in user["UserAttributes"]}


@cache
def _keys() -> jwt.PyJWKClient:
    """Return the pool's public keys, fetched once and again when a token names a key that is not among them."""
    # AWS_ENDPOINT_URL is how every AWS SDK is pointed elsewhere; the keys are then served there too.
    base = DEPLOYMENT.endpoint_url or f"https://cognito-idp.{DEPLOYMENT.region}.amazonaws.com"
    url = f"{base.rstrip('/')}/{DEPLOYMENT.user_pool_id}/.well-known/jwks.json"
    return jwt.PyJWKClient(url, cache_keys=True, lifespan=3600, timeout=3)


def _issuer() -> str:
    return f"https://cognito-idp.{DEPLOYMENT.region}.amazonaws.com/{DEPLOYMENT.user_pool_id}"


def _verified(token: str) -> dict[str, Any]:
    """Return the claims of an ID token of this pool that is signed and has not expired."""
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
        # The keys can't be had: our trouble, not the caller's. It surfaces as 503, and nothing is cached.
        logger.exception("the user pool's keys can't be fetched")
        raise
    except (jwt.InvalidTokenError, jwt.PyJWKClientError) as error:
        raise TokenRefusedError(type(error).__name__) from None  # its text may quote the token
    if claims["token_use"] != "id":
        message = "not an ID token"
        raise TokenRefusedError(message)
    return claims


def _role(claims: dict[str, Any]) -> Role | None:
    """Return the widest role among the user's groups.

    Cognito's claim is a list in the token itself, and text in what some gateways make of it: `a,b` or `[a b]`.
    """
    groups = claims.get("cognito:groups") or []
    names = set(groups.strip("[]").replace(",", " ").split() if isinstance(groups, str) else groups)
    return next((role for role in _ROLES if role.value in names), None)


# --- API keys: their items in the users table ------------------------------------------------------------------------


def _api_key(token: str) -> TokenOwner:
    name = key_tokens.parse(token)
    if name is None:
        message = "not the shape of an API key"
        raise TokenRefusedError(message)
    key = to_item(user_key(name.tenant_id, name.key_id))
    item = (
        clients.dynamodb()
        .get_item(
            TableName=DEPLOYMENT.tables.users,
            Key=key,
            ConsistentRead=True,
            ProjectionExpression="kind, keyHash, active, #role, expiresAt, lastUsedAt",
            ExpressionAttributeNames={"#role": "role"},
        )
        .get("Item", {})
    )
    texts = {attribute: value["S"] for attribute, value in item.items() if "S" in value}
    if texts.get("kind") != "API_KEY" or not hmac.compare_digest(texts["keyHash"], key_tokens.hashed(token)):
        message = "no such API key"
        raise TokenRefusedError(message)
    now = clock.now()
    expires_at = datetime.fromisoformat(texts["expiresAt"]) if "expiresAt" in texts else None
    if not item["active"]["BOOL"] or (expires_at is not None and expires_at <= now):
        message = "an API key that is revoked or has expired"
        raise TokenRefusedError(message)
    if "lastUsedAt" not in texts or now - datetime.fromisoformat(texts["lastUsedAt"]) > _USED_AGAIN:
        _note_use(key, now)
    until = None if expires_at is None else int(expires_at.timestamp())
    return TokenOwner(name.key_id, name.tenant_id, Role(texts["role"]), "API_KEY", until)


def _note_use(key: dict[str, Any], now: datetime) -> None:
    """Write when the key was used, if that can be had: the call that it is used for matters more."""
    try:
        clients.dynamodb().update_item(
            TableName=DEPLOYMENT.tables.users,
            Key=key,
            UpdateExpression="SET lastUsedAt = :now",
            ConditionExpression="active = :active",  # also keeps it from making an item where none is left
            ExpressionAttributeValues={":now": {"S": clock.timestamp(now)}, ":active": {"BOOL": True}},
        )
    except (BotoCoreError, ClientError) as error:
        logger.warning("the use of an API key can't be noted", extra={"reason": type(error).__name__})
