"""Callers on the WebSocket API of a running stack."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.harness.stack import Stack

PATIENCE = 30.0
"""Seconds after which what has not come is taken for lost."""

type Json = dict[str, Any]


@dataclass
class Socket:
    """One open connection; what is told between a message and its answer is kept."""

    wire: ClientConnection
    told: list[Json] = field(default_factory=list)
    """The events that were told, in the order of arrival."""

    def say(self, text: str | None = None, /, **message: Any) -> Json:
        """Send a message and return the answer to it."""
        self.wire.send(json.dumps(message) if text is None else text)
        while True:
            answer = self._receive(PATIENCE)
            if answer["type"] not in {"event", "events"}:
                return answer

    def event_of_comment(self, comment_id: str) -> Json:
        """Return an event of a comment, as soon as it has been told."""
        return self._until(lambda event: event.get("commentId") == comment_id)

    def event_of_file(self, attachment_id: str) -> Json:
        """The same of a file."""
        return self._until(lambda event: event.get("attachmentId") == attachment_id)

    def event_of(self, ticket_id: str, version: int = 1) -> Json:
        """Return the event that made a version of a ticket, as soon as it has been told."""
        return self._until(lambda event: (event["ticketId"], event["version"]) == (ticket_id, version))

    def listen(self) -> list[Json]:
        """Return all events that were told until now."""
        try:
            while True:
                self._receive(0)
        except TimeoutError:
            return self.told

    def is_closed(self) -> bool:
        """Wait until the connection is closed by the other side."""
        try:
            while True:
                self._receive(PATIENCE)
        except ConnectionClosed:
            return True

    def _until(self, wanted: Callable[[Json], bool]) -> Json:
        deadline = time.monotonic() + PATIENCE
        while not (found := [event for event in self.told if wanted(event)]):
            self._receive(deadline - time.monotonic())
        return found[0]

    def _receive(self, seconds: float) -> Json:
        message: Json = json.loads(self.wire.recv(timeout=seconds))
        if message["type"] == "event":
            self.told.append(message["event"])
        self.told += message["events"] if message["type"] == "events" else []
        return message


@contextmanager
def opened(stack: Stack, token: str) -> Iterator[Socket]:
    """Open a connection as a program does."""
    headers = {"Authorization": f"Bearer {token}"}
    with connect(stack.live_url, additional_headers=headers, open_timeout=PATIENCE, max_queue=None) as wire:
        yield Socket(wire)


@contextmanager
def opened_by_a_browser(stack: Stack, token: str, *, protocol: str = "ticketing.v1") -> Iterator[Socket]:
    """Open a connection as a browser does, which can't set headers."""
    offered = [protocol, f"bearer.{token}"]
    with connect(stack.live_url, subprotocols=offered, open_timeout=PATIENCE, max_queue=None) as wire:  # type: ignore[arg-type]
        yield Socket(wire)
