"""Tells an event to all who subscribed to it and may see it, each once as far as that can be known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ticketing import clock
from ticketing.live.connections import Connection, Connections
from ticketing.live.feed import Feed
from ticketing.live.messages import event_text
from ticketing.live.sender import Outcome, Poster
from ticketing.live.topics import topics_of
from ticketing.people.members import Members
from ticketing.tickets.events import TicketEvent
from ticketing.tickets.rules import may_see


@dataclass(frozen=True, slots=True)
class Told:
    """What became of an event: how many were told, how many were gone, and who could not be told."""

    told: int = 0
    gone: int = 0
    waiting: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FanOut:
    """Tells the events of one tenant."""

    connections: Connections
    feed: Feed
    members: Members
    poster: Poster

    def tell(self, event: TicketEvent) -> Told:
        """Put an event into the feed and tell it.

        If some can't be told, the feed remembers them, and the event has to come again: only they are told then.
        """
        waiting = self.feed.add(event)
        recipients = [each for each in self._audience(event) if waiting is None or each in waiting]
        outcomes = self.poster.post_to_all(recipients, event_text(event))
        for connection_id in _with(Outcome.GONE, outcomes):
            self.connections.close(connection_id)
        told = Told(
            told=sum(1 for _ in _with(Outcome.TOLD, outcomes)),
            gone=sum(1 for _ in _with(Outcome.GONE, outcomes)),
            waiting=sorted(_with(Outcome.FAILED, outcomes)),
        )
        if told.waiting:
            self.feed.wait(event.id, told.waiting)
        return told

    def _audience(self, event: TicketEvent) -> Iterator[str]:
        """Yield the ids of the connections to tell; close those of people who are out, or whose token has expired.

        Subscribers alone are looked at: the others are told nothing anyway.
        """
        now = clock.now()
        subscribed = [each for each in self.connections.all() if each.topics & topics_of(event, each.user_id)]
        members = self.members.active({each.user_id for each in subscribed})
        for connection in subscribed:
            member = members.get(connection.user_id)
            if member is None or connection.is_over(now):
                self._close(connection)
            elif may_see(member, event):
                yield connection.id

    def _close(self, connection: Connection) -> None:
        self.poster.close(connection.id)
        self.connections.close(connection.id)


def _with(wanted: Outcome, outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    return (connection_id for connection_id, outcome in outcomes.items() if outcome is wanted)
