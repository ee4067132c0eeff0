"""The keys of the tickets table that several modules use."""

from typing import Final

from ticketing.dynamodb.tables import tenant_prefix

TICKET: Final = "TICKET"
"""The range key of a ticket itself."""

COMMENT_PREFIX: Final = "COMMENT#"
"""What the range key of every comment starts with."""


def ticket_partition(tenant_id: str, ticket_id: str) -> str:
    """Return the partition key of a ticket, its events, comments, watchers and files.

    Raises
    ------
    ValueError
        The first is not a tenant's id.
    """
    return f"{tenant_prefix(tenant_id)}#TICKET#{ticket_id}"


def ticket_key(tenant_id: str, ticket_id: str) -> dict[str, str]:
    """Return the key of a ticket itself."""
    return {"PK": ticket_partition(tenant_id, ticket_id), "SK": TICKET}


def comment_key(tenant_id: str, ticket_id: str, comment_id: str) -> dict[str, str]:
    """Return the key of a comment on a ticket."""
    return {"PK": ticket_partition(tenant_id, ticket_id), "SK": f"{COMMENT_PREFIX}{comment_id}"}


def counter_key(tenant_id: str) -> dict[str, str]:
    """Return the key of a tenant's counter of ticket numbers, which also says who may create tickets."""
    return {"PK": f"{tenant_prefix(tenant_id)}#COUNTER", "SK": "TICKETS"}


def list_partition(tenant_id: str) -> str:
    """Return the `tenantKey` of a tenant's tickets, the partition key of the indexes byChange and byNumber."""
    return f"{tenant_prefix(tenant_id)}#TICKETS"


def tenant_of(partition: str) -> str:
    """Return the id of the tenant that a partition key belongs to."""
    return partition.split("#")[1]
