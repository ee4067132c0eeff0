"""The roles of callers."""

from enum import StrEnum


class Role(StrEnum):
    """The role of a caller within a tenant.

    `newcomer` is a person who signed up and has no tenant yet. `system` is the backend itself, without a caller.
    """

    NEWCOMER = "newcomer"
    REPORTER = "reporter"
    AGENT = "agent"
    ADMIN = "admin"
    SYSTEM = "system"


AGENTS = frozenset({Role.AGENT, Role.ADMIN})


AGENTS_AND_REPORTER = AGENTS | {Role.REPORTER}
