"""noteForSearch: notes which tickets changed, for indexTenant. A consumer of the queue SearchChangesQueue."""

from collections.abc import Sequence

from ticketing.events.consumer import TICKET_EVENTS, Work, gathering
from ticketing.search.index_queue import Order
from ticketing.tickets.events import TicketEvent


@gathering("noteForSearch", TICKET_EVENTS)
def handler(events: Sequence[TicketEvent], work: Work) -> None:
    """Order one pass over the index of the events' tenant, for all of them."""
    changes = dict[str, str]()
    for event in events:
        changes[event.ticket_id] = min(event.occurred_at, changes.get(event.ticket_id, event.occurred_at))
    for order in Order.of_changes(events[0].tenant_id, changes):
        order.send()
    work.log(tickets=len(changes))
