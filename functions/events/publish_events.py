"""publishEvents: puts the events of the tickets table's stream on the bus. Nothing else publishes."""

from typing import Any

from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT
from ticketing.events.consumer import BatchResponse, Work, batch_response, job
from ticketing.events.publishing import Publisher
from ticketing.events.unpublished import Unpublished


@job("publishEvents")
def handler(event: dict[str, Any], work: Work) -> BatchResponse:
    """Publish a batch of records and answer which are to be retried.

    The batch is one job and not handled record by record (`consumer`): events go out in order per ticket, ten in one
    request, and one that fails holds back its ticket's later ones. Lambda goes on from the first record that is
    reported, so what was published behind it is published twice.

    An event that can never be published goes to the queue UnpublishedEvents, from where resendEvents takes it, and
    the ticket's later events go on without it. If the queue can't be reached either, the record is retried.
    """
    result = Publisher(clients.events(), DEPLOYMENT.event_bus).publish(event["Records"])
    retries = result.again + Unpublished(clients.sqs(), DEPLOYMENT.unpublished_events).put_all(result.dead)
    work.log(published=result.events, retries=len(retries), dead=len(result.dead))
    work.count("EventsPublished", result.events)
    work.count("EventsUnpublished", len(result.again) + len(result.dead))
    return batch_response(retries)
