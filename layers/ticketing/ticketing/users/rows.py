"""The users table: the keys of a tenant's items, and how a user is stored. People and API keys are stored alike."""

from collections.abc import Mapping
from typing import Any, Final

from ticketing.dynamodb.attributes import from_item
from ticketing.dynamodb.tables import tenant_prefix
from ticketing.people.keys import people_key, user_key
from ticketing.text import folded
from ticketing.users.models import User
from ticketing.users.states import Kind

_LONGEST: Final = 200
"""Characters of a name in a key, which can have 1,024 bytes. Folding can turn 100 characters into 3,300 bytes."""


def deletion_key(tenant_id: str) -> dict[str, str]:
    """Return the key of the receipt of a tenant's deletion."""
    return {"PK": f"{tenant_prefix(tenant_id)}#DELETION", "SK": "DELETION"}


def auto_close_key(tenant_id: str) -> dict[str, str]:
    """Return the key of a tenant's item for the job that closes resolved tickets."""
    return {"PK": f"{tenant_prefix(tenant_id)}#AUTO_CLOSE", "SK": "AUTO_CLOSE"}


def invitation_key(tenant_id: str, email: str) -> dict[str, str]:
    """Return the key of a pending invitation to an address; with an empty one, the prefix of all invitations."""
    return {"PK": f"{tenant_prefix(tenant_id)}#INVITATION#{folded(email)}", "SK": "INVITATION"}


def invited_key(user_id: str) -> str:
    """Return the `taskKey` that the invitations to an account share, of all tenants."""
    return f"INVITED#{user_id}"


def list_key(tenant_id: str, kind: Kind) -> str:
    """Return the `tenantKey` that all people, or all API keys, of a tenant share."""
    return people_key(tenant_id) if kind is Kind.PERSON else f"{tenant_prefix(tenant_id)}#API_KEYS"


def name_start(name: str) -> str:
    """Return the prefix of the `nameKey` of all users whose name starts with this."""
    return folded(name)[:_LONGEST]


def name_key(name: str, user_id: str) -> str:
    """Return the sort key of a user in lists. A tab sorts before all characters of folded names: Jo before Jo Ann."""
    return f"{name_start(name)}\t{user_id}"


def user_item(user: User) -> dict[str, Any]:
    """Return a user's row, in plain values; None for missing attributes."""
    return (
        user.model_dump(mode="json", by_alias=True)
        | user_key(user.tenant_id, user.id)
        | {
            "tenantKey": list_key(user.tenant_id, user.kind),
            "nameKey": name_key(user.name, user.id),
            "emailKey": folded(user.email) if user.email else None,
        }
    )


def user_from(item: Mapping[str, Any]) -> User:
    """Return the user of a row."""
    return User.model_validate(from_item(item))
