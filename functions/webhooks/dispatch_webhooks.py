"""dispatchWebhooks: makes deliveries of the events in DispatchWebhooksQueue. deliverWebhook makes the requests."""

from ticketing.events.consumer import TICKET_EVENTS, Work, consumer
from ticketing.tickets.events import TicketEvent
from ticketing.webhooks.dispatching import dispatch


@consumer("dispatchWebhooks", TICKET_EVENTS)
def handler(event: TicketEvent, work: Work) -> None:
    """Make the deliveries of an event."""
    deliveries, dropped = dispatch(event)
    work.log(deliveries=deliveries, dropped=dropped)
    work.count("WebhookDeliveriesDropped", dropped)
