"""How many connections a user and a tenant may have, and how many messages a user may send.

Both counts are cheap, so neither is exact. The connections of a tenant are counted every ten seconds in each execution
environment of the function. Messages are counted in each execution environment and added up in the table at every
tenth: a client that sends few costs no write. See decision 28 in docs/decisions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ticketing import clock
from ticketing.deployment import DEPLOYMENT
from ticketing.live.connections import Connection, Connections
from ticketing.live.errors import FloodError, TooManyRequestsError
from ticketing.live.message_counts import MessageCounts

if TYPE_CHECKING:
    from datetime import datetime

    from ticketing.aws.data import TenantData

OPENING_COSTS: Final = 10
"""Messages that opening a connection counts as: it takes the authorizer, two functions, and a write at either end."""

COUNTED_EVERY: Final = 10
"""After so many messages of a user, an execution environment adds them to those of all others."""

_TENANT_COUNTED_EVERY: Final = timedelta(seconds=10)


@dataclass(slots=True)
class _Minute:
    """The messages of a user in one minute: of all execution environments as of the last write, and since then here."""

    number: int
    written: int = 0
    unwritten: int = 0


@dataclass(slots=True)
class _Counted:
    """The number of a tenant's connections as counted at a time, and those opened here since."""

    connections: int
    at: datetime


class _Memory:
    """What an execution environment remembers of a tenant."""

    def __init__(self) -> None:
        self.minutes: dict[str, _Minute] = {}
        self.counted: _Counted | None = None


@lru_cache(maxsize=64)
def _memory_of(_tenant_id: str) -> _Memory:
    return _Memory()


class Limits:
    """The limits of one tenant and its users."""

    def __init__(self, data: TenantData) -> None:
        self._connections = Connections(data)
        self._counts = MessageCounts(data)
        self._memory = _memory_of(data.tenant_id)

    def open(self, connection: Connection) -> None:
        """Write a new connection, if its user and tenant may have another.

        Connections that open at the same moment don't see each other: there may be a few too many.

        Raises
        ------
        TooManyRequestsError
            The user or the tenant has as many as they may, or the user has opened too many in this minute.
        """
        self.count_messages(connection.user_id, OPENING_COSTS)
        if self._connections.count(connection.user_id) >= DEPLOYMENT.live_connections_per_user:
            message = "You have as many connections as a user may have. Close one."
            raise TooManyRequestsError(message)
        counted = self._count_of_tenant()
        if counted.connections >= DEPLOYMENT.live_connections_per_tenant:
            message = "Your organization has as many connections as it may have."
            raise TooManyRequestsError(message)
        self._connections.open(connection)
        counted.connections += 1

    def count_messages(self, user_id: str, number: int = 1) -> None:
        """Count messages of a user, on all of their connections.

        Raises
        ------
        TooManyRequestsError
            In this minute, the user has sent more than they may.
        FloodError
            More than twice as many: the connection has to be closed.
        """
        minute = self._minute_of(user_id)
        minute.unwritten += number
        if minute.unwritten >= COUNTED_EVERY:
            minute.written = self._counts.add(user_id, minute.number, minute.unwritten)
            minute.unwritten = 0
        most, sent = DEPLOYMENT.live_messages_per_minute, minute.written + minute.unwritten
        if sent > 2 * most:
            message = "You kept sending messages. This connection is closed."
            raise FloodError(message)
        if sent > most:
            message = f"You may send {most} messages a minute, on all connections together. Wait a minute."
            raise TooManyRequestsError(message)

    def _minute_of(self, user_id: str) -> _Minute:
        number = int(clock.now().timestamp()) // 60
        minutes = self._memory.minutes
        for other in [each for each, minute in minutes.items() if minute.number != number]:
            del minutes[other]
        return minutes.setdefault(user_id, _Minute(number))

    def _count_of_tenant(self) -> _Counted:
        now, counted = clock.now(), self._memory.counted
        if counted is None or not counted.at <= now < counted.at + _TENANT_COUNTED_EVERY:
            counted = self._memory.counted = _Counted(self._connections.count(), now)
        return counted
