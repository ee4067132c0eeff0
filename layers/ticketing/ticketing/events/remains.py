"""What an erasure finds of a tenant here: consumers' claims on its events."""

from collections.abc import Iterator

from ticketing.aws.data import TenantData
from ticketing.events.once import once_partition


def partitions(data: TenantData) -> Iterator[str]:
    """Yield the partition keys, in the notifications table, of what goes with a tenant."""
    yield once_partition(data.tenant_id)
