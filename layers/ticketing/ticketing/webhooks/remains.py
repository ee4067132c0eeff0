"""What webhooks keep of a tenant: themselves, and their deliveries."""

from collections.abc import Iterator

from ticketing.aws.data import TenantData
from ticketing.dynamodb.tables import keys_in
from ticketing.webhooks.delivery_repository import delivery_key
from ticketing.webhooks.repository import webhook_key


def partitions(data: TenantData) -> Iterator[str]:
    """Yield the partition keys in the notifications table of what is to be erased with a tenant.

    A webhook, deleted or not, comes after its deliveries, as it leads to them.
    """
    webhooks = webhook_key(data.tenant_id, "")["PK"]
    for key in keys_in(data.client, data.tables.notifications, webhooks):
        webhook_id = key["SK"]["S"].partition("#")[2]
        if webhook_id:
            yield delivery_key(data.tenant_id, webhook_id, "")["PK"]
    yield webhooks
