"""What an erasure finds of a tenant here: the views of its people, and those that they share."""

from collections.abc import Iterator

from ticketing.aws.data import TenantData
from ticketing.views.keys import views_partition


def partitions(data: TenantData) -> Iterator[str]:
    """Yield the partition keys, in the search table, of what goes with a tenant."""
    yield views_partition(data.tenant_id)
