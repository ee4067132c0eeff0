"""The notifications table: the keys of a tenant's items.

All that is kept for a tenant is in few partitions, whose names follow from the tenant's id and its webhooks' alone:
that is how a tenant is erased without a Scan. What was done of each event (`ticketing.once`) is in one more,
`TENANT#...#ONCE`.
"""

from typing import Final

from ticketing.tables import tenant_prefix

SINGLE_PARTITIONS: Final = ("CONNECTIONS", "FEED", "MAIL", "ONCE")
"""What the partitions of a tenant end with that it has one each of, besides those of its webhooks."""


def connection_key(tenant_id: str, connection_id: str) -> dict[str, str]:
    """Return the key of an open WebSocket connection; with an empty id, its range key is what all start with."""
    return {"PK": f"{tenant_prefix(tenant_id)}#CONNECTIONS", "SK": f"CONNECTION#{connection_id}"}


def feed_key(tenant_id: str, position: str) -> dict[str, str]:
    """Return the key of an event that was told live, to be told again to who was away."""
    return {"PK": f"{tenant_prefix(tenant_id)}#FEED", "SK": position}


def mail_key(tenant_id: str, user_id: str) -> dict[str, str]:
    """Return the key of what makes the links to stop somebody's mail theirs alone."""
    return {"PK": f"{tenant_prefix(tenant_id)}#MAIL", "SK": f"USER#{user_id}"}


def webhook_key(tenant_id: str, webhook_id: str) -> dict[str, str]:
    """Return the key of a webhook; with an empty id, its range key is what all start with."""
    return {"PK": f"{tenant_prefix(tenant_id)}#WEBHOOKS", "SK": f"WEBHOOK#{webhook_id}"}


def gone_webhook_key(tenant_id: str, webhook_id: str) -> dict[str, str]:
    """Return the key of what is left of a deleted webhook: it leads to its deliveries until they have expired."""
    return {"PK": f"{tenant_prefix(tenant_id)}#WEBHOOKS", "SK": f"GONE#{webhook_id}"}


def webhook_count_key(tenant_id: str) -> dict[str, str]:
    """Return the key of the number of webhooks that a tenant has."""
    return {"PK": f"{tenant_prefix(tenant_id)}#WEBHOOKS", "SK": "COUNT"}


def delivery_key(tenant_id: str, webhook_id: str, delivery_id: str) -> dict[str, str]:
    """Return the key of an event's delivery to a webhook; with an empty id, its range key is what all start with."""
    return {"PK": f"{tenant_prefix(tenant_id)}#WEBHOOK#{webhook_id}", "SK": f"DELIVERY#{delivery_id}"}
