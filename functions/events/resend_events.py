"""resendEvents: publishes the events in the queue UnpublishedEvents after all. Called by hand (docs/events.md)."""

from dataclasses import asdict
from typing import Any, Final

from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT
from ticketing.events.consumer import Work, job
from ticketing.events.publishing import Publisher
from ticketing.events.resending import Resender
from ticketing.events.unpublished import Unpublished

_FOR_THE_LAST: Final = 45_000
"""Milliseconds that a message may take: up to 25 s to publish, as long again to read and to remove."""


@job("resendEvents")
def handler(_event: dict[str, Any], work: Work) -> dict[str, int]:
    """Empty the queue, and answer how many events are on the bus, how many were gone, how many messages stay.

    It may run any number of times, also at once: a message that one run takes is hidden from the others.
    """
    resender = Resender(
        queue=Unpublished(clients.sqs(), DEPLOYMENT.unpublished_events),
        tickets=clients.dynamodb(),
        table=DEPLOYMENT.tables.tickets,
        streams=clients.dynamodbstreams(),
        publisher=Publisher(clients.events(), DEPLOYMENT.event_bus),
    )
    result = asdict(resender.resend(goes_on=lambda: work.milliseconds_left > _FOR_THE_LAST))
    work.log(**result)
    return result
