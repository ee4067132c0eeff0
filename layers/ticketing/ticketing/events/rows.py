"""The notifications table: the keys of a tenant's items.

All that is kept for a tenant is in few partitions, whose names follow from the tenant's id and its webhooks' alone:
that is how a tenant is erased without a Scan. What was done of each event (`ticketing.once`) is in one more,
`TENANT#...#ONCE`.
"""

from typing import Final

SINGLE_PARTITIONS: Final = ("CONNECTIONS", "FEED", "MAIL", "ONCE")
"""What the partitions of a tenant end with that it has one each of, besides those of its webhooks."""
