"""Who is calling: what the authorizer verified and passed on, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ticketing.errors import UnauthorizedError
from ticketing.lifecycle import Role


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
    try:
        return Caller(user_id=context["userId"], tenant_id=context["tenantId"], role=Role(context["role"]))
    except (KeyError, ValueError) as error:
        message = "The request carries no verified caller."
        raise UnauthorizedError(message) from error
