"""The API's authorizer: which user a token belongs to, of which tenant, in which role now.

API Gateway calls it for each new token and caches the policy for 60 seconds, so the policy covers all methods that the
token may call. A policy for one method would also be applied to the next call, and deny it.
"""

from typing import Any

from aws_lambda_powertools.logging import Logger

from ticketing.access.roles import Role
from ticketing.deployment import DEPLOYMENT
from ticketing.people.newcomers import newcomers
from ticketing.users.tokens import TokenOwner, TokenRefusedError, bearer_token, verify_token
from ticketing.users.usage_plan import usage_key

_FOR_NEWCOMERS = (
    *("POST/v1/tenant", "GET/v1/tenant-deletions/*"),
    *("GET/v1/users/me/invitations", "POST/v1/users/me/invitations/*"),
)

logger = Logger()


class UnauthorizedError(Exception):
    """API Gateway answers 401 to an authorizer that fails with exactly this text, and 500 to any other failure."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    """Return a policy for everything the token may call, with the user, tenant, role and kind in its context.

    Raises
    ------
    UnauthorizedError
        The token is neither a valid ID token of an active user nor an active API key.
    """
    try:
        owner = verify_token(bearer_token(str(event["authorizationToken"])))
    except TokenRefusedError as error:
        logger.info("token refused", extra={"reason": str(error)})
        raise UnauthorizedError from None
    return _answer(owner, event["methodArn"])


def _answer(owner: TokenOwner, method_arn: str) -> dict[str, Any]:
    api, stage, *_ = method_arn.split("/")
    context = {"userId": owner.user_id, "role": str(owner.role), "kind": owner.kind}
    if owner.role is Role.NEWCOMER:
        opened = [f"{api}/{stage}/{method}" for method in _FOR_NEWCOMERS]
        if not newcomers().has_requests_left(owner.user_id):
            logger.info("no requests left today", extra={"userId": owner.user_id})
            return _policy(owner, "Deny", [f"{api}/{stage}/*"])
        return _policy(owner, "Allow", opened) | {"context": context, "usageIdentifierKey": DEPLOYMENT.newcomers_key}
    context |= {"tenantId": owner.tenant_id}
    if owner.token_issued_at is not None:
        context |= {"tokenIssuedAt": str(owner.token_issued_at)}
    return _policy(owner, "Allow", [f"{api}/{stage}/*"]) | {
        "context": context,
        "usageIdentifierKey": usage_key(owner.tenant_id),
    }


def _policy(owner: TokenOwner, effect: str, resources: list[str]) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resources}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": owner.user_id, "policyDocument": document, "context": {}}
