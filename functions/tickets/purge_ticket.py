"""purgeTicket: deletes everything under a ticket that expired in the trash. A consumer of the table's stream."""

from collections.abc import Mapping
from typing import Any

from ticketing.attachments.remains import AttachmentRemains
from ticketing.aws.data import files_of_tenant, of_tenant
from ticketing.events.consumer import Record, Source, Work, consumer
from ticketing.search.index_queue import Order
from ticketing.tickets.keys import TICKET, tenant_of, ticket_partition
from ticketing.tickets.remains import TicketRemains


def _removed(change: Record) -> str | None:
    """Return the partition key of the ticket that a change deleted; None for other changes."""
    key = change["dynamodb"]["Keys"]
    return str(key["PK"]["S"]) if change["eventName"] == "REMOVE" and key["SK"] == {"S": TICKET} else None


def _fields(partition: str) -> Mapping[str, Any]:
    return {"tenantId": tenant_of(partition), "ticket": partition}


@consumer("purgeTicket", Source(_removed, _fields))
def handler(partition: str, work: Work) -> None:
    """Delete the files, comments, history and watchers of a deleted ticket, expired or not. Idempotent.

    Files go first: what is left of them leads to their objects, and their bytes are given back. The ticket left the
    search index when it went to the trash; once more, so that it does not depend on an event that may have been lost.
    """
    tenant_id = tenant_of(partition)
    Order(tenant_id, (partition.removeprefix(ticket_partition(tenant_id, "")),)).send()
    files = AttachmentRemains(of_tenant(tenant_id), files_of_tenant(tenant_id)).purge(partition)
    work.log(files=files, deleted=TicketRemains(of_tenant(tenant_id)).purge(partition))
