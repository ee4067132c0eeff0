"""The keys of saved views in the search table. All of a tenant's are in one partition."""

from ticketing.dynamodb.tables import tenant_prefix


def views_partition(tenant_id: str) -> str:
    """Return the partition key of all views of a tenant."""
    return f"{tenant_prefix(tenant_id)}#VIEWS"


def place_of(owner_id: str | None) -> str:
    """Return what the range keys begin with of somebody's own views; without an owner, of the shared ones."""
    return "SHARED" if owner_id is None else f"USER#{owner_id}"


def view_key(tenant_id: str, owner_id: str | None, view_id: str) -> dict[str, str]:
    """Return the key of somebody's view, or of a shared one; with an empty id, its range key is what all start with."""
    return {"PK": views_partition(tenant_id), "SK": f"{place_of(owner_id)}#VIEW#{view_id}"}
