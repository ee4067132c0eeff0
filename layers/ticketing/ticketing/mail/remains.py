"""What an erasure finds of a tenant here: the secrets of its people's unsubscribe links."""

from collections.abc import Iterator

from ticketing.aws.data import TenantData
from ticketing.mail.unsubscribe_links import mail_key


def partitions(data: TenantData) -> Iterator[str]:
    """Yield the partition keys, in the notifications table, of what goes with a tenant."""
    yield mail_key(data.tenant_id, "")["PK"]
