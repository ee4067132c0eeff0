"""The rules of subscriptions: what a connection can subscribe to, and which events it then gets.

A subscription permits nothing. The table of permissions decides, as for REST: when somebody subscribes, and again for
each event.
"""

from enum import StrEnum

from ticketing.access.identity import Caller
from ticketing.access.permissions import Operation, grant
from ticketing.errors import ForbiddenError
from ticketing.tickets.events import TicketEvent


class Topic(StrEnum):
    """The kinds of topics."""

    TICKET = "ticket"
    """One ticket, by its id."""
    MINE = "mine"
    """The tickets that somebody reported or is assigned to."""
    QUEUE = "queue"
    """All tickets of the tenant."""


_PEOPLE = ("reporterId", "assignedToId")


def of_ticket(ticket_id: str) -> str:
    """Return the topic of one ticket, as a connection keeps it."""
    return f"{Topic.TICKET}#{ticket_id}"


def topics_of(event: TicketEvent, user_id: str) -> frozenset[str]:
    """Return the topics under which a user gets an event.

    The event that takes a ticket from somebody still is about their ticket.
    """
    topics = {of_ticket(event.ticket_id), Topic.QUEUE.value}
    changed = {event.changes[field].before for field in _PEOPLE if field in event.changes}
    if event.ticket and user_id in {event.ticket.reporter_id, event.ticket.assigned_to_id} | changed:
        topics.add(Topic.MINE)
    return frozenset(topics)


def check_queue(caller: Caller) -> None:
    """Let somebody subscribe to the queue to whom listTickets shows all tickets, or raise ForbiddenError."""
    if grant(Operation.LIST_TICKETS, caller).only_own:
        message = f"The role {caller.role} may not see all tickets; subscribe to mine instead."
        raise ForbiddenError(message)
