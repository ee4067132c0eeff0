"""The WebSocket API's authorizer: which user a token belongs to, of which tenant, in which role now.

A program sends its token as `Authorization: Bearer ...`. A browser can't set that header for a WebSocket; it offers the
token as one of its subprotocols, `bearer.<token>` (docs/decisions/0015-how-a-websocket-carries-its-token.md).
"""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.logging import Logger

from ticketing.access.roles import Role
from ticketing.users.tokens import TokenOwner, TokenRefusedError, bearer_token, verify_token

_OFFERED = "bearer."

logger = Logger()


class UnauthorizedError(Exception):
    """API Gateway answers 401 to an authorizer that fails with exactly this text, and 500 to any other failure."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    """Return a policy for the connection, with the user, tenant, role, kind and the token's times in its context.

    People without a tenant are denied: there are no live updates for them.

    Raises
    ------
    UnauthorizedError
        There is no token, or it is neither a valid ID token of an active user nor an active API key.
    """
    try:
        owner = verify_token(_token(event.get("headers") or {}))
    except TokenRefusedError as error:
        logger.info("token refused", extra={"reason": str(error)})
        raise UnauthorizedError from None
    effect = "Deny" if owner.role is Role.NEWCOMER else "Allow"
    api, stage, *_ = event["methodArn"].split("/")
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": [f"{api}/{stage}/*"]}
    return {
        "principalId": owner.user_id,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": _context_of(owner) if effect == "Allow" else {},
    }


def _token(headers: Mapping[str, str]) -> str:
    given = {name.lower(): value for name, value in headers.items()}
    if "authorization" in given:
        return bearer_token(given["authorization"])
    protocols = [each.strip() for each in given.get("sec-websocket-protocol", "").split(",")]
    offered = [each.removeprefix(_OFFERED) for each in protocols if each.startswith(_OFFERED)]
    if len(offered) != 1 or not offered[0]:
        message = "not exactly one bearer token"
        raise TokenRefusedError(message)
    return offered[0]


def _context_of(owner: TokenOwner) -> dict[str, str]:
    context = {
        "userId": owner.user_id,
        "tenantId": owner.tenant_id,
        "role": str(owner.role),
        "kind": owner.kind,
    }
    # Strings only: API Gateway turns other values into strings anyway.
    times = {"tokenIssuedAt": owner.token_issued_at, "tokenExpiresAt": owner.token_expires_at}
    return context | {name: str(value) for name, value in times.items() if value is not None}
