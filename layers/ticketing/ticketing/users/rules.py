"""Rules: who may change which user."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ticketing.access.roles import Role
from ticketing.errors import ForbiddenError

if TYPE_CHECKING:
    from ticketing.access.identity import Caller


def check_admins(caller: Caller, roles: Iterable[Role]) -> None:
    """Raise ForbiddenError unless the caller may change a user from and to these roles.

    API keys can't change or create admins. A stolen key can be revoked, but an admin that it created would stay.
    """
    if caller.is_api_key and Role.ADMIN in roles:
        message = "An API key may not make, change or deactivate admins; it takes a person."
        raise ForbiddenError(message)
