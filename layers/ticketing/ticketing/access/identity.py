"""The caller of a request, from the authorizer's context only."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ticketing.access.roles import Role
from ticketing.errors import UnauthorizedError

TENANT_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
"""The format of a tenant's id. It must not contain `#`, which separates the parts of a key."""


NOBODYS: Final = ""
"""The tenant id of a newcomer. No repository accepts it."""

_TENANT_ROLES: Final = frozenset({Role.REPORTER, Role.AGENT, Role.ADMIN})


_LONGEST_USER_AGENT: Final = 200


class Source(NamedTuple):
    """Where a request came from, for the audit trail. A User-Agent is what the client says."""

    ip_address: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class Caller:
    """A person or an API key of one tenant. The tenant comes from the token only, never from a path or a body."""

    user_id: str
    tenant_id: str
    role: Role
    is_api_key: bool = False
    token_issued_at: int | None = None
    """When the person's token was issued, in seconds since 1970; None for an API key, and where nobody needs it."""
    source: Source | None = field(default=None, compare=False)


def caller_of(event: Mapping[str, Any]) -> Caller:
    """Return the caller of an API Gateway event.

    Raises
    ------
    UnauthorizedError
        The authorizer's context is missing or incomplete. So an operation that is deployed without an authorizer
        trusts nobody: everybody gets 401.
    """
    context = (event.get("requestContext") or {}).get("authorizer") or {}
    user_id, tenant_id, role = (str(context.get(name) or "") for name in ("userId", "tenantId", "role"))
    belongs = TENANT_ID.fullmatch(tenant_id) and role in _TENANT_ROLES
    if not user_id or not (belongs or (role == Role.NEWCOMER and tenant_id == NOBODYS)):
        message = "The request carries no verified caller."
        raise UnauthorizedError(message)
    identity = event["requestContext"].get("identity") or {}
    agent = identity.get("userAgent")
    source = Source(identity.get("sourceIp"), str(agent)[:_LONGEST_USER_AGENT] if agent else None)
    issued = str(context.get("tokenIssuedAt") or "")
    return Caller(
        user_id,
        tenant_id,
        Role(role),
        is_api_key=context.get("kind") == "API_KEY",
        token_issued_at=int(issued) if issued else None,
        source=source,
    )
