"""The keys of a user's and a tenant's row in the users table."""

from ticketing.dynamodb.tables import tenant_prefix


def user_key(tenant_id: str, user_id: str) -> dict[str, str]:
    """Return the key of a user's row."""
    return {"PK": f"{tenant_prefix(tenant_id)}#USER#{user_id}", "SK": "USER"}


def tenant_key(tenant_id: str) -> dict[str, str]:
    """Return the key of a tenant's own item."""
    return {"PK": f"{tenant_prefix(tenant_id)}#TENANT", "SK": "TENANT"}


def people_key(tenant_id: str) -> str:
    """Return the `tenantKey` that the rows of all people of a tenant share. API keys have another one."""
    return f"{tenant_prefix(tenant_id)}#USERS"
