"""The keys of the tickets table that more than one module builds on."""

from ticketing.dynamodb.tables import tenant_prefix


def ticket_partition(tenant_id: str, ticket_id: str) -> str:
    """Return the partition key of a ticket and of all that hangs on it.

    Raises
    ------
    ValueError
        The first is no tenant's id.
    """
    return f"{tenant_prefix(tenant_id)}#TICKET#{ticket_id}"
