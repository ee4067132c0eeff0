"""What an erasure finds of a tenant here: open connections, and the feed of the last day."""

from collections.abc import Iterator

from ticketing.aws.data import TenantData
from ticketing.live.connections import connection_key
from ticketing.live.feed import feed_key


def partitions(data: TenantData) -> Iterator[str]:
    """Yield the partition keys, in the notifications table, of what goes with a tenant."""
    yield connection_key(data.tenant_id)["PK"]
    yield feed_key(data.tenant_id, "")["PK"]
