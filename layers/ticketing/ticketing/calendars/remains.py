"""What an erasure finds of a tenant here: its calendars."""

from collections.abc import Iterator

from ticketing.aws.data import TenantData
from ticketing.calendars.repository import calendars_key


def partitions(data: TenantData) -> Iterator[str]:
    """Yield the partition keys, in the search table, of what goes with a tenant."""
    yield calendars_key(data.tenant_id)["PK"]
