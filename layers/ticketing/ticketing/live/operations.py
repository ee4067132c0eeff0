"""What the messages of a client do: subscribe, unsubscribe, catch up, ping.

The client's user is looked up again, at most a minute old: what the authorizer found may be two hours old.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from ticketing import clock
from ticketing.access.identity import Caller, caller_of
from ticketing.access.permissions import Operation, grant
from ticketing.aws import clients
from ticketing.aws.data import of_caller
from ticketing.errors import ServiceUnavailableError, UnauthorizedError
from ticketing.live.connections import NOT_OPEN, Connection, Connections
from ticketing.live.feed import MOST_READ, Feed
from ticketing.live.messages import (
    CatchUp,
    Message,
    Ping,
    Subscribe,
    Unsubscribe,
    events_texts,
    shown,
)
from ticketing.live.sender import ConnectionSender, Outcome
from ticketing.live.topics import Topic, check_queue, topics_of
from ticketing.people.active_users import remembered
from ticketing.tickets.operations import find_ticket
from ticketing.tickets.repository import TicketRepository
from ticketing.tickets.rules import may_see

MOST_SENT: Final = 500
"""Events that one catching up sends."""


def connection_of(event: Mapping[str, Any]) -> Connection:
    """Return the connection of an event of the WebSocket API, as the authorizer let it in; without topics."""
    context = event["requestContext"]
    caller, until = caller_of(event), str(context["authorizer"].get("tokenExpiresAt") or "")
    return Connection(
        context["connectionId"],
        caller.user_id,
        int(until) if until else None,
        token_issued_at=caller.token_issued_at,
    )


@dataclass(frozen=True, slots=True)
class Client:
    """The user at the other end of a connection, as they are now."""

    caller: Caller
    connection: Connection

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Client:
        """Return the client that sends a message.

        Raises
        ------
        UnauthorizedError
            The token has expired or was ended, or the user is not active any more: the connection has to be closed.
        """
        connection, caller = connection_of(event), caller_of(event)
        users = remembered(of_caller(caller))
        active = users.active({caller.user_id})
        has_ended = users.has_ended(caller.user_id, connection.token_issued_at)
        if connection.is_over(clock.now()) or caller.user_id not in active or has_ended:
            raise UnauthorizedError(NOT_OPEN)
        return cls(active[caller.user_id], connection)

    def answer(self, message: Message) -> dict[str, Any]:
        """Do what a message asks and return the answer to it."""
        match message:
            case Ping():
                return {"type": "pong"}
            case CatchUp():
                return self._catch_up(message.after)
            case Unsubscribe():
                self._connections.unsubscribe(self.connection, message.kept)
                return shown(message)
            case Subscribe():
                self._check(message)
                self._connections.subscribe(self.connection, message.kept)
                return shown(message)

    def _check(self, message: Subscribe) -> None:
        """Let a subscription pass, or raise what REST would: TicketNotFoundError, ForbiddenError."""
        match message.topic:
            case Topic.TICKET:
                ticket = TicketRepository(of_caller(self.caller)).get(str(message.ticket_id))
                find_ticket(grant(Operation.GET_TICKET, self.caller), ticket)
            case Topic.MINE:
                grant(Operation.LIST_TICKETS, self.caller)
            case Topic.QUEUE:
                check_queue(self.caller)

    def _catch_up(self, after: str) -> dict[str, Any]:
        """Send the events after the given one that this connection subscribed to and may see, oldest first."""
        topics = self._connections.topics(self.connection)
        sees_all = grant(Operation.GET_TICKET, self.caller).everything
        since = list(Feed(of_caller(self.caller)).since(after, reporter_id=None if sees_all else self.caller.user_id))
        theirs = (
            event
            for event in since[:MOST_READ]
            if topics & topics_of(event, self.caller.user_id) and may_see(self.caller, event)
        )
        events = list(islice(theirs, MOST_SENT + 1))
        sender = ConnectionSender(clients.live_connections())
        for text in events_texts(events[:MOST_SENT]):
            if sender.send(self.connection.id, text) is Outcome.FAILED:
                message = "What was missed can't be sent just now. Ask again."
                raise ServiceUnavailableError(message)
        complete = len(events) <= MOST_SENT and len(since) <= MOST_READ
        return {"type": "caughtUp", "after": after, "events": len(events[:MOST_SENT]), "complete": complete}

    @property
    def _connections(self) -> Connections:
        return Connections(of_caller(self.caller))
