"""Roles: what a caller is within a tenant."""

from enum import StrEnum


class Role(StrEnum):
    """What a caller is within a tenant.

    `newcomer` is somebody who signed up and has no tenant yet; `system` is the backend acting by itself, no caller.
    """

    NEWCOMER = "newcomer"
    REPORTER = "reporter"
    AGENT = "agent"
    ADMIN = "admin"
    SYSTEM = "system"


AGENTS = frozenset({Role.AGENT, Role.ADMIN})


AGENTS_AND_REPORTER = AGENTS | {Role.REPORTER}
