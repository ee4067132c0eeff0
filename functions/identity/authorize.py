"""The API's authorizer: who sends this token, of which tenant, in which role.

API Gateway asks for each new token and keeps the answer for 60 seconds, so the answer covers all that the token opens:
an answer for one method would be applied to the next call too, and refuse it.
"""

import hmac
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

import jwt
from aws_lambda_powertools.logging import Logger
from botocore.exceptions import BotoCoreError, ClientError

from ticketing import aws, clock
from ticketing.identity import NOBODYS, TENANT_ID
from ticketing.lifecycle import Role
from ticketing.users import keys
from ticketing.users.allowances import usage_key

_ROLES = (Role.ADMIN, Role.AGENT, Role.REPORTER)  # the widest first: it counts for a user in several groups

_FOR_NEWCOMERS = ("POST/v1/tenant", "GET/v1/tenant-deletions/*")

_USED_AGAIN = timedelta(seconds=60)
"""How old `lastUsedAt` gets before it is written anew."""

logger = Logger(service="identity")


class UnauthorizedError(Exception):
    """API Gateway answers 401 to an authorizer that fails with exactly this text, and 500 to any other failure."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


class _RefusedError(Exception):
    """The token is not one of somebody's; the text says why, for the log alone, and holds nothing of the token."""


@dataclass(frozen=True, slots=True)
class _Sender:
    user_id: str
    tenant_id: str
    role: Role | None
    """None for a person whose tenant has given them no role: known, but allowed nothing."""
    kind: Literal["PERSON", "API_KEY"]


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    """Answer a policy for all that the token opens, with the user, tenant, role and kind in its context.

    Raises
    ------
    UnauthorizedError
        The token is neither a valid, current ID token of a user of this pool nor an API key in force.
    """
    scheme, _, token = str(event["authorizationToken"]).partition(" ")
    token = token.strip()
    try:
        if scheme.lower() != "bearer":
            message = "no bearer token"
            raise _RefusedError(message)
        sender = _api_key(token) if token.startswith(keys.PREFIX) else _person(token)
    except _RefusedError as error:
        logger.info("token refused", extra={"reason": str(error)})
        raise UnauthorizedError from None
    return _answer(sender, event["methodArn"])


def _answer(sender: _Sender, method_arn: str) -> dict[str, Any]:
    api, stage, *_ = method_arn.split("/")
    whole_api = [f"{api}/{stage}/*"]
    context = {"userId": sender.user_id, "role": str(sender.role), "kind": sender.kind}
    if sender.role is None:
        logger.info("user without tenant or role", extra={"userId": sender.user_id})
        return _policy(sender, "Deny", whole_api)
    if sender.role is Role.NEWCOMER:
        opened = [f"{api}/{stage}/{method}" for method in _FOR_NEWCOMERS]
        return _policy(sender, "Allow", opened) | {
            "context": context,
            "usageIdentifierKey": os.environ["NEWCOMERS_KEY"],
        }
    return _policy(sender, "Allow", whole_api) | {
        "context": context | {"tenantId": sender.tenant_id},
        "usageIdentifierKey": usage_key(sender.tenant_id),
    }


def _policy(sender: _Sender, effect: str, resources: list[str]) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resources}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": sender.user_id, "policyDocument": document, "context": {}}


# --- people: ID tokens of the user pool ------------------------------------------------------------------------------


def _person(token: str) -> _Sender:
    claims = _verified(token)
    user_id, tenant_id = str(claims["sub"]), str(claims.get("custom:tenantId") or NOBODYS)
    # Only now: whoever has no valid token does not make it ask Cognito.
    account = _account(user_id)
    if account.get("custom:tenantId", NOBODYS) != tenant_id:
        message = "the user has changed tenant since it was issued"
        raise _RefusedError(message)
    if claims["iat"] < int(account.get("custom:tokensValidFrom") or 0):
        message = "the user has changed since it was issued"
        raise _RefusedError(message)
    if tenant_id == NOBODYS:
        return _Sender(user_id, NOBODYS, Role.NEWCOMER, "PERSON")
    role = _role(claims) if TENANT_ID.fullmatch(tenant_id) else None
    return _Sender(user_id, tenant_id, role, "PERSON")


def _account(user_id: str) -> dict[str, str]:
    """Return the attributes that the user has at this moment, by name."""
    client = aws.cognito()
    try:
        user = client.admin_get_user(UserPoolId=os.environ["USER_POOL_ID"], Username=user_id)
    except client.exceptions.UserNotFoundException:
        message = "the user is gone"
        raise _RefusedError(message) from None
    if not user["Enabled"]:
        message = "the user is deactivated"
        raise _RefusedError(message)
    return {attribute["Name"]: attribute.get("Value", "") for attribute in user["UserAttributes"]}


@cache
def _keys() -> jwt.PyJWKClient:
    """Return the pool's public keys, fetched once and again when a token names a key that is not among them."""
    # AWS_ENDPOINT_URL is how every AWS SDK is pointed elsewhere; the keys are then served there too.
    base = os.environ.get("AWS_ENDPOINT_URL") or f"https://cognito-idp.{os.environ['AWS_REGION']}.amazonaws.com"
    url = f"{base.rstrip('/')}/{os.environ['USER_POOL_ID']}/.well-known/jwks.json"
    return jwt.PyJWKClient(url, cache_keys=True, lifespan=3600, timeout=3)


def _issuer() -> str:
    return f"https://cognito-idp.{os.environ['AWS_REGION']}.amazonaws.com/{os.environ['USER_POOL_ID']}"


def _verified(token: str) -> dict[str, Any]:
    """Return the claims of an ID token of this pool that is signed and has not expired."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            _keys().get_signing_key_from_jwt(token).key,
            algorithms=["RS256"],
            audience=os.environ["CLIENT_ID"],
            issuer=_issuer(),
            options={"require": ["exp", "iat", "sub", "token_use"]},
        )
    except jwt.PyJWKClientConnectionError:
        # The keys can't be had: our trouble, not the caller's. It surfaces as 503, and nothing is cached.
        logger.exception("the user pool's keys can't be fetched")
        raise
    except (jwt.InvalidTokenError, jwt.PyJWKClientError) as error:
        raise _RefusedError(type(error).__name__) from None  # its text may quote the token
    if claims["token_use"] != "id":
        message = "not an ID token"
        raise _RefusedError(message)
    return claims


def _role(claims: dict[str, Any]) -> Role | None:
    """Return the widest role among the user's groups.

    Cognito's claim is a list in the token itself, and text in what some gateways make of it: `a,b` or `[a b]`.
    """
    groups = claims.get("cognito:groups") or []
    names = set(groups.strip("[]").replace(",", " ").split() if isinstance(groups, str) else groups)
    return next((role for role in _ROLES if role.value in names), None)


# --- API keys: their items in the users table ------------------------------------------------------------------------


def _api_key(token: str) -> _Sender:
    name = keys.parse(token)
    if name is None:
        message = "not the shape of an API key"
        raise _RefusedError(message)
    key = {"PK": {"S": f"TENANT#{name.tenant_id}#USER#{name.key_id}"}, "SK": {"S": "USER"}}
    item = (
        aws.dynamodb()
        .get_item(
            TableName=os.environ["USERS_TABLE"],
            Key=key,
            ConsistentRead=True,
            ProjectionExpression="kind, keyHash, active, #role, expiresAt, lastUsedAt",
            ExpressionAttributeNames={"#role": "role"},
        )
        .get("Item", {})
    )
    texts = {attribute: value["S"] for attribute, value in item.items() if "S" in value}
    if texts.get("kind") != "API_KEY" or not hmac.compare_digest(texts["keyHash"], keys.hashed(token)):
        message = "no such API key"
        raise _RefusedError(message)
    now = clock.now()
    if not item["active"]["BOOL"] or ("expiresAt" in texts and datetime.fromisoformat(texts["expiresAt"]) <= now):
        message = "an API key that is revoked or has expired"
        raise _RefusedError(message)
    if "lastUsedAt" not in texts or now - datetime.fromisoformat(texts["lastUsedAt"]) > _USED_AGAIN:
        _note_use(key, now)
    return _Sender(name.key_id, name.tenant_id, Role(texts["role"]), "API_KEY")


def _note_use(key: dict[str, Any], now: datetime) -> None:
    """Write when the key was used, if that can be had: the call that it is used for matters more."""
    try:
        aws.dynamodb().update_item(
            TableName=os.environ["USERS_TABLE"],
            Key=key,
            UpdateExpression="SET lastUsedAt = :now",
            ConditionExpression="active = :active",  # also keeps it from making an item where none is left
            ExpressionAttributeValues={":now": {"S": clock.timestamp(now)}, ":active": {"BOOL": True}},
        )
    except (BotoCoreError, ClientError) as error:
        logger.warning("the use of an API key can't be noted", extra={"reason": type(error).__name__})
