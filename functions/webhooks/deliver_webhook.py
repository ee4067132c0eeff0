"""deliverWebhook: makes the attempts of the deliveries in WebhookDeliveriesQueue."""

from ticketing.events.consumer import Work, consumer
from ticketing.webhooks.attempts import deliver
from ticketing.webhooks.delivery_queue import DELIVERIES, Received


@consumer("deliverWebhook", DELIVERIES)
def handler(received: Received, work: Work) -> None:
    """Make the attempt that a message stands for; the message comes again when the next one is due."""
    deliver(received, work)
