"""What consumers of events leave behind of a tenant: what they have done of each event."""

from collections.abc import Iterator

from ticketing.aws.data import TenantData
from ticketing.events.once import once_partition


def partitions(data: TenantData) -> Iterator[str]:
    """Yield the partition keys in the notifications table of what is to be erased with a tenant."""
    yield once_partition(data.tenant_id)
