"""Rules: who may share views, and who may change those that are shared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ticketing.access.roles import Role
from ticketing.errors import ForbiddenError

if TYPE_CHECKING:
    from ticketing.access.identity import Caller

SHARERS: Final = frozenset({Role.ADMIN})
"""The roles that share views, and change, take back and delete shared ones, whoever shared them."""


def check_sharing(caller: Caller) -> None:
    """Raise ForbiddenError unless the caller may share views, and change those that are shared."""
    if caller.role not in SHARERS:
        message = f"The role {caller.role} may not share views, nor change shared ones."
        raise ForbiddenError(message, ["shared"])
