"""Sends an event to every connection that subscribed to it and may see it, once as far as that can be known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from ticketing import clock
from ticketing.aws import clients
from ticketing.aws.data import of_tenant
from ticketing.events.consumer import Work
from ticketing.events.once import Once
from ticketing.live.connections import Connection, Connections
from ticketing.live.errors import NotAllSentError
from ticketing.live.feed import Feed
from ticketing.live.messages import event_text
from ticketing.live.sender import ConnectionSender, Outcome
from ticketing.live.topics import topics_of
from ticketing.people.active_users import ActiveUsers, remembered
from ticketing.tickets.events import TicketEvent
from ticketing.tickets.rules import may_see

_LEASE: Final = timedelta(seconds=25)
"""Longer than the function may run: an event that was begun before that was cut off by a crash."""


def push(event: TicketEvent, work: Work) -> None:
    """Send an event to the open connections of its tenant; the work gets the counts.

    Raises
    ------
    NotAllSentError
        The event is retried for the connections that failed. By then most of their clients have connected
        again and caught up.
    BeingDoneError, ClientError, BotoCoreError
        Another function works on it; AWS failed. Likewise.
    """
    data = of_tenant(event.tenant_id)
    with Once(data, "pushEvent").doing(event.id, lease=_LEASE) as mine:
        if not mine:
            return
        fan_out = FanOut(
            connections=Connections(data),
            feed=Feed(data),
            users=remembered(data),
            sender=ConnectionSender(clients.live_connections()),
        )
        pushed = fan_out.push(event)
        work.log(sent=pushed.sent, gone=pushed.gone, failed=len(pushed.failed))
        work.count("EventsPushed", pushed.sent)
        work.count("GoneConnections", pushed.gone)
        work.count("PushesFailed", len(pushed.failed))
        if pushed.failed:
            raise NotAllSentError


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of an event: how many connections got it, how many were gone, and the ids of those that failed."""

    sent: int = 0
    gone: int = 0
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FanOut:
    """Sends the events of one tenant to its connections."""

    connections: Connections
    feed: Feed
    users: ActiveUsers
    sender: ConnectionSender

    def push(self, event: TicketEvent) -> Pushed:
        """Add an event to the feed and send it.

        The feed remembers the connections that failed. When the event is retried, only they get it.
        """
        pending = self.feed.add(event)
        recipients = {each.id: each for each in self._recipients(event) if pending is None or each.id in pending}
        outcomes = self.sender.send_to_all(recipients, event_text(event))
        for connection_id in _with(Outcome.GONE, outcomes):
            self.connections.close(recipients[connection_id])
        pushed = Pushed(
            sent=sum(1 for _ in _with(Outcome.SENT, outcomes)),
            gone=sum(1 for _ in _with(Outcome.GONE, outcomes)),
            failed=sorted(_with(Outcome.FAILED, outcomes)),
        )
        if pushed.failed:
            self.feed.set_pending(event.id, pushed.failed)
        return pushed

    def _recipients(self, event: TicketEvent) -> Iterator[Connection]:
        """Yield the connections that get the event.

        Subscribed connections whose user is not active any more, or whose token has expired or was ended, are closed.
        """
        now = clock.now()
        subscribed = [each for each in self.connections.all() if each.topics & topics_of(event, each.user_id)]
        active = self.users.active({each.user_id for each in subscribed})
        for connection in subscribed:
            user = active.get(connection.user_id)
            has_ended = self.users.has_ended(connection.user_id, connection.token_issued_at)
            if user is None or connection.is_over(now) or has_ended:
                self._close(connection)
            elif may_see(user, event):
                yield connection

    def _close(self, connection: Connection) -> None:
        self.sender.close(connection.id)
        self.connections.close(connection)


def _with(wanted: Outcome, outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    return (connection_id for connection_id, outcome in outcomes.items() if outcome is wanted)
