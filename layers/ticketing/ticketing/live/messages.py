"""The messages of a connection: what clients send, and what they get. docs/real-time.md shows them all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, Self

from pydantic import ValidationError, model_validator
from pydantic_core import from_json

from ticketing.api.bodies import Body, Id
from ticketing.api.problems import problems
from ticketing.errors import ApiError, BadRequestError, PayloadTooLargeError
from ticketing.events.publishing import cut
from ticketing.live.topics import Topic, of_ticket
from ticketing.tickets.events import TicketEvent

PROTOCOL: Final = "ticketing.v1"
"""The WebSocket subprotocol: the version of these messages."""

LONGEST: Final = 4096
"""The most bytes of a message from a client."""

LARGEST: Final = 100_000
"""The most bytes of a message to a client; API Gateway takes 128 KB."""


class _OfATopic(Body):
    topic: Topic
    ticket_id: Id | None = None

    @property
    def kept(self) -> str:
        """The topic as a connection keeps it."""
        return self.topic if self.ticket_id is None else of_ticket(self.ticket_id)

    @model_validator(mode="after")
    def _names_a_ticket(self) -> Self:
        if (self.topic is Topic.TICKET) != (self.ticket_id is not None):
            message = "ticketId goes with the topic ticket, and with no other"
            raise ValueError(message)
        return self


class Subscribe(_OfATopic):
    """Send me the events of a ticket, of my tickets, or of all."""

    action: Literal["subscribe"]


class Unsubscribe(_OfATopic):
    """Send me these events no longer."""

    action: Literal["unsubscribe"]


class CatchUp(Body):
    """Send me the events that I have missed: all after one that I know."""

    action: Literal["catchUp"]
    after: Id


class Ping(Body):
    """Keep the connection open: API Gateway closes one that is silent for ten minutes."""

    action: Literal["ping"]


type Message = Subscribe | Unsubscribe | CatchUp | Ping

_MODELS: Final[Mapping[str, type[Message]]] = {
    "subscribe": Subscribe,
    "unsubscribe": Unsubscribe,
    "catchUp": CatchUp,
    "ping": Ping,
}


def parsed(text: str) -> Message:
    """Return the message that a client has sent.

    Raises
    ------
    PayloadTooLargeError, BadRequestError
        It is over 4 KB, no JSON, or not one of the messages.
    """
    size = len(text.encode(errors="surrogatepass"))
    if size > LONGEST:
        message = f"The message has {size} bytes; the limit is {LONGEST}."
        raise PayloadTooLargeError(message)
    message = "The message is not one that this connection takes."
    try:
        content = from_json(text.encode(errors="surrogatepass"))
    except ValueError as error:
        raise BadRequestError(message, [f"body: Invalid JSON: {error}"]) from error
    action = content.get("action") if isinstance(content, dict) else None
    model = _MODELS.get(action) if isinstance(action, str) else None
    if model is None:
        raise BadRequestError(message, [f"action: must be one of {', '.join(_MODELS)}"])
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise BadRequestError(message, problems(error)) from error


def shown(message: Subscribe | Unsubscribe) -> dict[str, Any]:
    """Return the answer to a subscription or its end."""
    topic = message.model_dump(mode="json", by_alias=True, exclude={"action"}, exclude_none=True)
    return {"type": f"{message.action}d"} | topic


def error_of(error: ApiError, request_id: str) -> dict[str, Any]:
    """Return the message of an error, with the codes of REST."""
    details = {"details": error.details} if error.details else {}
    return {"type": "error", "code": error.code, "message": error.message, **details, "requestId": request_id}


def text_of(message: Mapping[str, Any]) -> str:
    """Return a message as it is sent."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def event_text(event: TicketEvent) -> str:
    """Return the message of an event."""
    return f'{{"type":"event","event":{_json_of(event)}}}'


def events_texts(events: Iterable[TicketEvent]) -> list[str]:
    """Return the messages of several events, in order: as few as can hold them."""
    groups: list[list[str]] = []
    size = LARGEST
    for text in map(_json_of, events):
        size += len(text.encode()) + 1
        if size > LARGEST:
            groups.append([])
            size = len(text.encode()) + 1
        groups[-1].append(text)
    return [f'{{"type":"events","events":[{",".join(group)}]}}' for group in groups]


def _json_of(event: TicketEvent) -> str:
    """Return an event as it is on the bus, with long texts cut if they would not fit into a message."""
    text = text_of(event.model_dump(mode="json", by_alias=True, exclude_none=True))
    if len(text.encode()) <= LARGEST:
        return text
    return text_of(cut(event).model_dump(mode="json", by_alias=True, exclude_none=True))
