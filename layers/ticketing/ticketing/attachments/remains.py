"""The files of tickets and tenants that are gone for good: their rows, bytes, and all versions of their objects."""

from __future__ import annotations

from functools import partial
from itertools import batched, takewhile
from typing import TYPE_CHECKING, Final

from ticketing.attachments.objects import FileObjects
from ticketing.attachments.repository import AttachmentRepository
from ticketing.dynamodb.transactions import until_written
from ticketing.tickets.keys import ticket_partition
from ticketing.tickets.remains import PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ticketing.aws.data import TenantData, TenantFiles

_AT_ONCE: Final = 25
"""How many rows one transaction deletes."""

_PAGE: Final = 1000
"""How many versions of objects are deleted before the time is looked at."""


class AttachmentRemains:
    """What is left of one tenant's files."""

    def __init__(self, data: TenantData, files: TenantFiles) -> None:
        self._attachments = AttachmentRepository(data)
        self._objects = FileObjects(files)
        self._tenant_id = data.tenant_id

    def partitions(self) -> Iterator[list[str]]:
        """Return the partition keys of tickets, there or gone, that files lead to: in batches, from an index."""
        ticket_ids = sorted({place.ticket_id for place in self._attachments.places()})
        found = (ticket_partition(self._tenant_id, each) for each in ticket_ids)
        return (list(batch) for batch in batched(found, PAGE, strict=False))

    def purge(self, partition: str) -> int:
        """Delete the files of a ticket that no longer exists and give their bytes back. Return their number.

        Rows go first, so that nobody counts on their objects; objects that are left after a failure are found by the
        retry, since the number of the ticket's files stays until the rest of the ticket goes. A ticket that is gone
        does not come back before its events are deleted, so it is looked for once; 0 if it exists.

        Raises
        ------
        ConflictError, ObjectsLeftError, ClientError, BotoCoreError
            AWS failed, or somebody else deletes them, too; a retry goes on.
        """
        ticket_id = partition.removeprefix(ticket_partition(self._tenant_id, ""))
        if not self._attachments.has_had_files(ticket_id) or self._attachments.has_ticket(ticket_id):
            return 0
        purged = until_written(partial(self._purge_rows, ticket_id))
        self._objects.delete(self._objects.all(ticket_id))
        return purged

    def erase_objects(self, in_time: Callable[[], bool]) -> bool:
        """Delete all objects of the tenant, and return whether that was all."""
        stored = self._objects.all()
        for batch in takewhile(lambda _: in_time(), batched(stored, _PAGE, strict=False)):
            self._objects.delete(batch)
        return not any(True for _ in self._objects.all())

    def erase_usage(self) -> None:
        """Delete the number of the tenant's bytes, when its tickets are gone."""
        self._attachments.erase_usage()

    def _purge_rows(self, ticket_id: str) -> int:
        purged = 0
        for batch in batched(self._attachments.of_ticket(ticket_id), _AT_ONCE, strict=False):
            self._attachments.purge(batch)
            purged += len(batch)
        return purged
