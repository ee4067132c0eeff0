"""Who may change whom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ticketing.access.roles import Role
from ticketing.errors import ForbiddenError

if TYPE_CHECKING:
    from ticketing.access.identity import Caller


def check_admins(caller: Caller, roles: Iterable[Role]) -> None:
    """Let a change of a user who has these roles before and after it pass, or raise ForbiddenError.

    An API key changes no admins and makes none: it can be revoked, but an admin whom a stolen one made would stay.
    """
    if caller.is_api_key and Role.ADMIN in roles:
        message = "An API key may not make, change or deactivate admins; it takes a person."
        raise ForbiddenError(message)
