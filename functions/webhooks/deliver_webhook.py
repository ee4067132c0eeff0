"""deliverWebhook: makes the attempts of the deliveries in WebhookDeliveriesQueue."""

from ticketing.events.consumer import Work, consumer
from ticketing.webhooks.attempts import deliver
from ticketing.webhooks.delivery_queue import DELIVERIES, Message


@consumer("deliverWebhook", DELIVERIES)
def handler(message: Message, work: Work) -> None:
    """Make the attempt that a message stands for; another message comes when the next one is due."""
    deliver(message, work)
