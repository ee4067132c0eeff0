"""The keys of the tickets table that more than one module builds on."""

from typing import Final

from ticketing.dynamodb.tables import tenant_prefix

TICKET: Final = "TICKET"
"""The range key of a ticket itself."""


def ticket_partition(tenant_id: str, ticket_id: str) -> str:
    """Return the partition key of a ticket and of all that hangs on it.

    Raises
    ------
    ValueError
        The first is no tenant's id.
    """
    return f"{tenant_prefix(tenant_id)}#TICKET#{ticket_id}"


def ticket_key(tenant_id: str, ticket_id: str) -> dict[str, str]:
    """Return the key of a ticket itself."""
    return {"PK": ticket_partition(tenant_id, ticket_id), "SK": TICKET}


def counter_key(tenant_id: str) -> dict[str, str]:
    """Return the key of what counts a tenant's tickets, and says who may create some."""
    return {"PK": f"{tenant_prefix(tenant_id)}#COUNTER", "SK": "TICKETS"}


def list_partition(tenant_id: str) -> str:
    """Return the `tenantKey` of all of a tenant's tickets, by which the indexes byChange and byNumber find them."""
    return f"{tenant_prefix(tenant_id)}#TICKETS"


def tenant_of(partition: str) -> str:
    """Return the id of the tenant that a partition key belongs to."""
    return partition.split("#")[1]
