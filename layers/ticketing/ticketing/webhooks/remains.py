"""What an erasure finds of a tenant here: webhooks and their deliveries."""

from collections.abc import Iterator

from ticketing.aws.data import TenantData
from ticketing.dynamodb.tables import keys_in
from ticketing.webhooks.delivery_repository import delivery_key
from ticketing.webhooks.repository import webhook_key


def partitions(data: TenantData) -> Iterator[str]:
    """Yield the partition keys, in the notifications table, of what goes with a tenant.

    Webhooks, deleted ones too, come after their deliveries, as they lead to them.
    """
    webhooks = webhook_key(data.tenant_id, "")["PK"]
    for key in keys_in(data.client, data.tables.notifications, webhooks):
        webhook_id = key["SK"]["S"].partition("#")[2]
        if webhook_id:
            yield delivery_key(data.tenant_id, webhook_id, "")["PK"]
    yield webhooks
