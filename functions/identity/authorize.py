"""The API's authorizer: who sends this token, of which tenant, in which role.

API Gateway asks for each new token and keeps the answer for 60 seconds, so the answer covers the whole API: an answer
for one method would be applied to the next call too, and refuse it.
"""

import os
from functools import cache
from typing import Any

import jwt
from aws_lambda_powertools.logging import Logger

from ticketing.identity import TENANT_ID
from ticketing.lifecycle import Role

_ROLES = (Role.ADMIN, Role.AGENT, Role.REPORTER)  # the widest first: it counts for a user in several groups

logger = Logger(service="identity")


class UnauthorizedError(Exception):
    """API Gateway answers 401 to an authorizer that fails with exactly this text, and 500 to any other failure."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    """Answer a policy for the whole API, with the user, tenant and role in its context.

    Raises
    ------
    UnauthorizedError
        The token is not a valid, current ID token of this user pool.
    """
    claims = _verified(str(event["authorizationToken"]))
    tenant_id, role = str(claims.get("custom:tenantId") or ""), _role(claims)
    api = _whole_api(event["methodArn"])
    if role is None or not TENANT_ID.fullmatch(tenant_id):
        # A valid user who belongs nowhere yet: known, but allowed nothing (403).
        logger.info("user without tenant or role", extra={"userId": claims["sub"]})
        return _policy(claims["sub"], "Deny", api, {})
    return _policy(claims["sub"], "Allow", api, {"userId": claims["sub"], "tenantId": tenant_id, "role": role.value})


@cache
def _keys() -> jwt.PyJWKClient:
    """Return the pool's public keys, fetched once and again when a token names a key that is not among them."""
    # AWS_ENDPOINT_URL is how every AWS SDK is pointed elsewhere; the keys are then served there too.
    base = os.environ.get("AWS_ENDPOINT_URL") or f"https://cognito-idp.{os.environ['AWS_REGION']}.amazonaws.com"
    url = f"{base.rstrip('/')}/{os.environ['USER_POOL_ID']}/.well-known/jwks.json"
    return jwt.PyJWKClient(url, cache_keys=True, lifespan=3600, timeout=3)


def _issuer() -> str:
    return f"https://cognito-idp.{os.environ['AWS_REGION']}.amazonaws.com/{os.environ['USER_POOL_ID']}"


def _verified(header: str) -> dict[str, Any]:
    scheme, _, token = header.partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise UnauthorizedError
        claims: dict[str, Any] = jwt.decode(
            token.strip(),
            _keys().get_signing_key_from_jwt(token.strip()).key,
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
        logger.info("token refused", extra={"reason": type(error).__name__})
        raise UnauthorizedError from None
    if claims["token_use"] != "id":
        logger.info("token refused", extra={"reason": "not an ID token"})
        raise UnauthorizedError
    return claims


def _role(claims: dict[str, Any]) -> Role | None:
    """Return the widest role among the user's groups.

    Cognito's claim is a list in the token itself, and text in what some gateways make of it: `a,b` or `[a b]`.
    """
    groups = claims.get("cognito:groups") or []
    names = set(groups.strip("[]").replace(",", " ").split() if isinstance(groups, str) else groups)
    return next((role for role in _ROLES if role.value in names), None)


def _whole_api(method_arn: str) -> str:
    """Return the ARN of every method of the API and stage that a method's ARN belongs to."""
    api, stage, *_ = method_arn.split("/")
    return f"{api}/{stage}/*"


def _policy(principal: str, effect: str, resource: str, context: dict[str, str]) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {
        "principalId": principal,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": context,
    }
