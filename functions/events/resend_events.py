"""resendEvents: publishes what is in the queue UnpublishedEvents after all. Called by hand (docs/events.md)."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.logging import Logger

from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT
from ticketing.events.publishing import Publisher
from ticketing.events.resending import Resender
from ticketing.events.unpublished import Unpublished

logger = Logger(service="events")

_FOR_THE_LAST = 45_000
"""Milliseconds that a message may take: up to 25 s to publish, as long again to read and to remove."""


def handler(_event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ANN401 - Lambda's own type
    """Empty the queue, and answer how many events are on the bus, how many were gone, how many messages stay.

    It may be called as often as one likes, also while it runs: a message that one takes is hidden from the others.
    """
    resender = Resender(
        queue=Unpublished(clients.sqs(), DEPLOYMENT.unpublished_events),
        tickets=clients.dynamodb(),
        table=DEPLOYMENT.tables.tickets,
        streams=clients.dynamodbstreams(),
        publisher=Publisher(clients.events(), DEPLOYMENT.event_bus),
    )
    result = asdict(resender.resend(goes_on=lambda: context.get_remaining_time_in_millis() > _FOR_THE_LAST))
    logger.info("resendEvents", extra=result)
    return result
