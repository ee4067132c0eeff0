"""Purges what is left of a ticket after 30 days in the trash: a consumer of the tickets table's stream."""

from typing import Any

from aws_lambda_powertools.logging import Logger

from ticketing.aws.data import of_tenant
from ticketing.tickets.keys import TICKET, tenant_of
from ticketing.tickets.remains import TicketRemains

logger = Logger(service="tickets")


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    """Delete what hung on each ticket that is gone, and answer which records have to come again.

    Whoever removed the ticket, that is of no use to anybody then; so the records may be filtered before (only
    what TTL removed) or not. What fails does not hold up the rest of the batch: all of it can be repeated.
    """
    failed = []
    for record in event["Records"]:
        key = record["dynamodb"]["Keys"]
        partition = key["PK"]["S"]
        if record["eventName"] != "REMOVE" or key["SK"] != {"S": TICKET}:
            continue
        try:
            deleted = TicketRemains(of_tenant(tenant_of(partition))).purge(partition)
        except Exception:
            logger.exception("purgeTicket", extra={"ticket": partition})
            failed.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
        else:
            logger.info("purgeTicket", extra={"ticket": partition, "deleted": deleted})
    return {"batchItemFailures": failed}
