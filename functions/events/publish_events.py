"""publishEvents: puts the events of the tickets table's stream on the bus. Nothing else publishes."""

from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT
from ticketing.events.publishing import Dead, Publisher
from ticketing.events.unpublished import Unpublished

logger = Logger(service="events")
metrics = Metrics(namespace="TicketSystem", service="events")


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    """Publish a batch and answer which records have to come again.

    What can never be published goes to the queue UnpublishedEvents, from where resendEvents takes it again, and the
    ticket's later events go on without it. If the queue can't be reached either, the record comes again. Lambda goes
    on from the first that is reported: what was published behind it is published twice.
    """
    result = Publisher(clients.events(), DEPLOYMENT.event_bus).publish(event["Records"])
    again = result.again + _put_aside(result.dead)
    logger.info("publishEvents", extra={"published": result.events, "again": len(again), "dead": len(result.dead)})
    metrics.add_metric("EventsPublished", MetricUnit.Count, result.events)
    metrics.add_metric("EventsUnpublished", MetricUnit.Count, len(result.again) + len(result.dead))
    metrics.flush_metrics()
    return {"batchItemFailures": [{"itemIdentifier": number} for number in again]}


def _put_aside(dead: Sequence[Dead]) -> list[str]:
    """Put events into the queue; return the numbers of those that it has not taken.

    Where it can't be reached once (up to 12 s), the rest is not tried: who runs out of time reports nothing.
    """
    queue = Unpublished(clients.sqs(), DEPLOYMENT.unpublished_events)
    for place, each in enumerate(dead):
        logger.error("publishEvents: an event can't be published", extra={"key": each.key, "reason": each.reason})
        try:
            queue.put(each)
        except (BotoCoreError, ClientError):
            logger.exception("publishEvents: the queue can't be reached")
            return [left.number for left in dead[place:]]
    return []
