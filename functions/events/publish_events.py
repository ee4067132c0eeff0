"""publishEvents: puts the events of the tickets table's stream on the bus. Nothing else publishes."""

import json
import os
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from ticketing import aws
from ticketing.publishing import Dead, Publisher

logger = Logger(service="events")
metrics = Metrics(namespace="TicketSystem", service="events")


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    """Publish a batch and answer which records have to come again.

    What can never be published goes to the queue UnpublishedEvents, from where resendEvents takes it again. If the
    queue can't be reached either, the record comes again.
    """
    result = Publisher(aws.events(), os.environ["EVENT_BUS"]).publish(event["Records"])
    again = result.again + [dead.number for dead in result.dead if not _put_aside(dead)]
    logger.info("publishEvents", extra={"published": result.events, "again": len(again), "dead": len(result.dead)})
    metrics.add_metric("EventsPublished", MetricUnit.Count, result.events)
    metrics.add_metric("EventsUnpublished", MetricUnit.Count, len(again) + len(result.dead))
    metrics.flush_metrics()
    return {"batchItemFailures": [{"itemIdentifier": number} for number in again]}


def _put_aside(dead: Dead) -> bool:
    """Return whether the queue has taken it."""
    message = {"key": dead.key, "sequenceNumber": dead.number, "reason": dead.reason}
    logger.error("publishEvents: an event can't be published", extra=message)
    try:
        aws.sqs().send_message(QueueUrl=os.environ["UNPUBLISHED_EVENTS"], MessageBody=json.dumps(message))
    except (BotoCoreError, ClientError):
        logger.exception("publishEvents: the queue can't be reached")
        return False
    return True
