"""pushEvent: sends the events of the bus to open connections. A consumer of the queue PushEventsQueue."""

from ticketing.events.consumer import TICKET_EVENTS, Work, consumer
from ticketing.live.fan_out import push
from ticketing.tickets.events import TicketEvent


@consumer("pushEvent", TICKET_EVENTS)
def handler(event: TicketEvent, work: Work) -> None:
    """Send an event to the connections that subscribed to it."""
    push(event, work)
