"""Who is calling: what the authorizer verified and passed on, and nothing else."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ticketing.errors import UnauthorizedError
from ticketing.lifecycle import Role

TENANT_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
"""What a tenant's id looks like; above all, it holds no `#`, which separates the parts of a key."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A person of one tenant. The tenant comes from the token alone, never from a request's path or body."""

    user_id: str
    tenant_id: str
    role: Role


def caller_of(event: Mapping[str, Any]) -> Caller:
    """Return the caller of an API Gateway event.

    Raises
    ------
    UnauthorizedError
        The authorizer's context is missing or incomplete: an operation deployed without its authorizer answers
        401 to everybody instead of trusting anybody.
    """
    context = (event.get("requestContext") or {}).get("authorizer") or {}
    user_id, tenant_id, role = (str(context.get(name) or "") for name in ("userId", "tenantId", "role"))
    if not user_id or not TENANT_ID.fullmatch(tenant_id) or role not in set(Role):
        message = "The request carries no verified caller."
        raise UnauthorizedError(message)
    return Caller(user_id, tenant_id, Role(role))
