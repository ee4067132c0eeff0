"""The words of users and tenants. No models here: what needs these alone starts without pydantic's work."""

from enum import StrEnum
from typing import Final

PENDING: Final = "PENDING"
"""The `task_key` of rows whose change Cognito does not have yet."""


class Kind(StrEnum):
    """The kinds of users."""

    PERSON = "PERSON"
    API_KEY = "API_KEY"


class MailOff(StrEnum):
    """Why a person gets no emails at all."""

    UNSUBSCRIBED = "unsubscribed"
    """They unsubscribed, by the link in an email or in their profile."""
    BOUNCED = "bounced"
    """Hard bounce: the mailbox does not exist."""
    COMPLAINED = "complained"
    """They marked an email as spam, and their mailbox provider reported the complaint."""


class WhoMayCreate(StrEnum):
    """Who may create tickets."""

    EVERYBODY = "EVERYBODY"
    AGENTS = "AGENTS"


class TenantState(StrEnum):
    """Whether a tenant is active or being deleted. A deleted tenant has no item."""

    ACTIVE = "ACTIVE"
    DELETING = "DELETING"


class DeletionState(StrEnum):
    """The state of a tenant's deletion."""

    RUNNING = "RUNNING"
    DONE = "DONE"
