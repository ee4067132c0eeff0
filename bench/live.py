"""Real time on the local stack: from the API's answer to the message on a WebSocket, on one connection and on many."""

import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack

import httpx
from websockets.asyncio.client import ClientConnection, connect

from bench.callers import TICKET, authorization, connect_async
from bench.report import Figure
from bench.stack import Stack

AT_ONCE = 16
"""Connections that are being opened at the same time."""

PATIENCE = 60.0
"""Seconds after which a message that has not come is taken for lost."""

USER = "admin@acme.example"


def measure(stack: Stack, rounds: int, connections: int) -> Iterator[Figure]:
    """Time one connection's messages (p50, p95), then one event's way to many connections of a tenant."""
    yield from asyncio.run(_Measurement(stack).run(rounds, connections))


class _Measurement:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def run(self, rounds: int, connections: int) -> list[Figure]:
        async with (
            AsyncExitStack() as sockets,
            connect_async(self._stack, USER) as api,
        ):
            first = await self._subscribed(sockets)
            await self._delay(api, first)  # starts the functions
            delays = []
            for n in range(rounds):
                await asyncio.sleep(n * 0.037 % 0.5)  # at any point between two looks at the stream
                delays.append(await self._delay(api, first))
            opening = time.perf_counter()
            others = await asyncio.gather(*(self._subscribed(sockets) for _ in range(connections - 1)))
            opened = time.perf_counter() - opening
            soonest, latest = await self._spread(api, [first, *others])
        group = "Real time on the local stack, from the API's answer to the message"
        many = f"Real time on the local stack, one event to {connections:,} connections"
        return [
            Figure(group, "p50", statistics.median(delays) * 1000, "ms"),
            Figure(group, "p95", statistics.quantiles(delays, n=20)[18] * 1000, "ms", reach=1000),
            Figure(many, "opened and subscribed, all", opened, "s"),
            Figure(many, "from the API's answer to the first message", soonest * 1000, "ms"),
            Figure(many, "from the API's answer to the last message", latest * 1000, "ms"),
        ]

    async def _subscribed(self, sockets: AsyncExitStack) -> ClientConnection:
        async with self._gate:
            return await subscribed(self._stack, USER, sockets)

    async def _delay(self, api: httpx.AsyncClient, socket: ClientConnection) -> float:
        """Return the seconds from the answer to a new ticket to the message that tells of it."""
        ticket_id, answered = await _change(api)
        return await told(socket, ticket_id) - answered

    async def _spread(self, api: httpx.AsyncClient, sockets: list[ClientConnection]) -> tuple[float, float]:
        """Return the seconds from the answer to the first and to the last of many messages."""
        ticket_id, answered = await _change(api)
        moments = await asyncio.gather(*(told(socket, ticket_id) for socket in sockets))
        return min(moments) - answered, max(moments) - answered


async def _change(api: httpx.AsyncClient) -> tuple[str, float]:
    """Make a ticket; return its id, and when the answer was there."""
    answer = (await api.post("/v1/tickets", json=TICKET)).raise_for_status()
    return str(answer.json()["id"]), time.perf_counter()


async def subscribed(stack: Stack, user: str, sockets: AsyncExitStack) -> ClientConnection:
    """Open a connection that is told of all tickets; it closes with the stack of sockets.

    Raises
    ------
    RuntimeError
        The answer is another one.
    """
    opening = connect(stack.live_url, additional_headers=authorization(stack, user), open_timeout=PATIENCE)
    socket = await sockets.enter_async_context(opening)
    await socket.send(json.dumps({"action": "subscribe", "topic": "queue"}))
    answer = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE))
    if answer["type"] != "subscribed":
        message = f"The connection can't be subscribed: {answer}"
        raise RuntimeError(message)
    return socket


async def told(socket: ClientConnection, ticket_id: str) -> float:
    """Return when the connection was told of the ticket."""
    while True:
        message = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE))
        if message["type"] == "event" and message["event"]["ticketId"] == ticket_id:
            return time.perf_counter()
