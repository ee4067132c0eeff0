"""What a tenant notices of another that takes all that it may: how long it waits without it, and beside it, in one run.

AWS gives each call a machine of its own. Here all calls share two processors, so both tenants get a small limit, and
the ratio is to what the tenant waits while the noisy one is on a stack of its own on the same machine: it tells what
tenants take from each other, and not how full the machine is. What the tenant waits alone is shown, too.
"""

import asyncio
import json
import re
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx
from websockets.asyncio.client import ClientConnection

from bench.callers import TICKET, claim, connect_async
from bench.live import PATIENCE, subscribed, told
from bench.report import Figure
from bench.stack import Stack, free_port
from local.stack.mails import mails_in
from ticketing.dynamodb.attributes import to_item
from ticketing.people.keys import user_key

RATE = 1
"""Requests a second that the stack takes of a tenant. The one makes all of them, the other nearly all."""

BURST = 6
"""How many requests it takes of a tenant at once: more than either makes before it is measured."""

ACTORS = 4
"""How many requests the noisy tenant has on their way at the same time."""

PACE = 3.3
"""Seconds from one round of the neighbor's to the next: each makes three requests."""

COLLEAGUES = 19
WARM_UP, WARM_UP_BESIDE = 3, 10  # rounds before the count: they start the functions' processes
ALONE, ELSEWHERE, BESIDE = "alone", "it elsewhere", "beside it"
AT_ONCE = "/200/0"
REACH = 2.0

type Waits = dict[str, list[float]]
"""How many seconds the neighbor waited, by what for."""


def measure(rounds: int) -> Iterator[Figure]:
    """Time a tenant's requests, live messages, webhooks and mails: alone, with a noisy one elsewhere, and beside it."""
    receiver = _Receiver(free_port())
    parameters = f"TenantRate={RATE} TenantBurst={BURST} WebhookPrivateOrigins={receiver.origin}"
    with ExitStack() as until_the_end:
        stack, another = _stack(parameters, until_the_end), _stack(parameters, until_the_end)
        stack.wait_until_ready()
        another.wait_until_ready()
        waits = asyncio.run(_measure(stack, another, receiver, rounds))
    group = f"A tenant beside one that makes all of its {RATE:g} requests a second"
    alone, elsewhere, beside = waits.values()
    for name in alone:
        for where, waited in waits.items():
            yield Figure(group, f"{name}, {where}: p50", statistics.median(waited[name]) * 1000, "ms")
            yield Figure(group, f"{name}, {where}: p95", _p95(waited[name]) * 1000, "ms")
        ratio = _p95(beside[name]) / _p95(elsewhere[name])
        yield Figure(group, f"{name}: p95, {BESIDE} / {ELSEWHERE}", ratio, "x", reach=REACH)


def _p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[18]


def _stack(parameters: str, until_the_end: ExitStack) -> Stack:
    state = until_the_end.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
    stack = Stack.launch(Path(state), records=False, parameters=parameters)
    until_the_end.callback(stack.stop)
    return stack


async def _measure(stack: Stack, another: Stack, receiver: "_Receiver", rounds: int) -> dict[str, Waits]:
    async with AsyncExitStack() as until_the_end:
        await until_the_end.enter_async_context(await receiver.serve())
        neighbor = await _Neighbor.of(stack, "globex.example", until_the_end)
        await neighbor.settle(receiver)
        await neighbor.use(WARM_UP, receiver)
        waits = {ALONE: await neighbor.use(rounds, receiver)}
        for where, place in {ELSEWHERE: another, BESIDE: stack}.items():
            noise = await _Noise.of(place, "acme.example", until_the_end)
            await noise.settle(receiver)
            actors = [asyncio.create_task(noise.act()) for _ in range(ACTORS)]
            await neighbor.use(WARM_UP_BESIDE, receiver)
            waits[where] = await neighbor.use(rounds, receiver)
            for each in actors:
                each.cancel()
            for each in actors:
                with suppress(asyncio.CancelledError):
                    await each  # one that failed says so here
    return waits


class _Receiver:
    """Somebody's server that webhooks lead to: a path says with what it answers, and after how many seconds."""

    def __init__(self, port: int) -> None:
        self.origin = f"http://localhost:{port}"
        self._port = port
        self.told: dict[str, float] = {}
        """When a ticket's event first came in, at the address of `AT_ONCE`."""

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._answer, "localhost", self._port)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"^content-length: (\d+)", head, re.IGNORECASE | re.MULTILINE)
        body = await reader.readexactly(int(length[1]) if length else 0)
        path = head.split()[1]
        if path == AT_ONCE:
            self.told.setdefault(json.loads(body)["data"]["ticketId"], time.time())
        _, status, seconds = path.split("/")
        await asyncio.sleep(float(seconds))
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@dataclass
class _Tenant:
    """A tenant's admin, agent and reporter, and a connection of the agent that is told of all tickets."""

    stack: Stack
    domain: str
    live: ClientConnection
    admin: httpx.AsyncClient
    agent: httpx.AsyncClient
    reporter: httpx.AsyncClient

    @classmethod
    async def of(cls, stack: Stack, domain: str, until_the_end: AsyncExitStack) -> Self:
        people = [
            await until_the_end.enter_async_context(connect_async(stack, f"{role}@{domain}"))
            for role in ("admin", "agent", "reporter")
        ]
        live = await subscribed(stack, f"agent@{domain}", until_the_end)
        return cls(stack, domain, live, *people)


class _Neighbor(_Tenant):
    """The tenant that waits. It uses what tenants use."""

    async def settle(self, receiver: _Receiver) -> None:
        body = {"url": receiver.origin + AT_ONCE, "eventTypes": ["TicketCreated"]}
        await _done(self.admin.post("/v1/webhooks", json=body))

    async def use(self, rounds: int, receiver: _Receiver) -> Waits:
        """Do so many rounds of everything, and return how long each took."""
        waits: Waits = defaultdict(list)
        created: dict[str, float] = {}
        commented: dict[str, float] = {}
        mailed: dict[str, float] = {}
        for _ in range(rounds):
            pause = asyncio.create_task(asyncio.sleep(PACE))
            name, begun = str(uuid4()), time.time()
            ticket_id = (await _done(self.reporter.post("/v1/tickets", json=TICKET | {"title": name})))["id"]
            created[ticket_id] = begun
            waits["create"].append(time.time() - begun)
            await told(self.live, ticket_id)
            waits["live message"].append(time.time() - begun)
            begun = time.time()
            await _done(self.agent.get(f"/v1/tickets/{ticket_id}"))
            waits["get"].append(time.time() - begun)
            commented[name] = time.time()
            await _done(self.agent.post(f"/v1/tickets/{ticket_id}/comments", json={"body": "Seen."}))
            mailed |= self._mailed()  # the noisy tenant's many emails push others out of what is kept
            await pause
        arrived = await _all_of(created, lambda: receiver.told)
        waits["webhook"] = [arrived[ticket_id] - begun for ticket_id, begun in created.items()]
        mailed = await _all_of(commented, lambda: mailed | self._mailed())
        waits["mail"] = [mailed[name] - begun for name, begun in commented.items()]
        return waits

    def _mailed(self) -> dict[str, float]:
        """Return when the reporter's emails of comments were sent, by the name of the ticket."""
        mails = mails_in(self.stack.state / "mails")
        return {mail.subject.split()[-1]: mail.sent_at.timestamp() for mail in mails if "New comment" in mail.subject}


async def _all_of(wanted: Collection[str], look: Callable[[], dict[str, float]]) -> dict[str, float]:
    async with asyncio.timeout(PATIENCE):
        while set(wanted) - (found := look()).keys():  # noqa: ASYNC110 - emails arrive as files
            await asyncio.sleep(0.1)
    return found


class _Noise(_Tenant):
    """The tenant that takes all it may: its people do what costs the backend most, one thing after the other."""

    async def settle(self, receiver: _Receiver) -> None:
        for path in ("/500/0", "/500/0", "/500/0", "/200/1", "/200/1"):
            await _done(self.admin.post("/v1/webhooks", json={"url": receiver.origin + path, "eventTypes": ["*"]}))
        self._mentions = " ".join(f"@[{each}]" for each in self._colleagues())
        self._topic = (await _done(self.reporter.post("/v1/tickets", json=TICKET)))["id"]
        self._asked = 0
        self._listening = asyncio.create_task(self._listen())
        self._acts = cycle([self._create, self._mention, self._list, self._invite, self._spell, self._talk])

    def _colleagues(self) -> list[str]:
        """Write people who can be mentioned, copies of the agent: how many may be invited in a day is another limit."""
        token = self.stack.token(f"agent@{self.domain}")
        dynamodb, table = self.stack.client("dynamodb"), self.stack.outputs["UsersTableName"]
        key = user_key(claim(token, "custom:tenantId"), claim(token, "sub"))
        row = dynamodb.get_item(TableName=table, Key=to_item(key))["Item"]
        found = [str(uuid4()) for _ in range(COLLEAGUES)]
        for each in found:
            own = user_key(claim(token, "custom:tenantId"), each) | {"id": each, "email": f"{each}@{self.domain}"}
            dynamodb.put_item(TableName=table, Item=row | to_item(own))
        return found

    async def act(self) -> None:
        """Go on until it is cancelled."""
        while True:
            pause = asyncio.create_task(asyncio.sleep(ACTORS / RATE))
            self._asked += 1
            await next(self._acts)()
            await pause

    async def _create(self) -> None:
        """Five deliveries each: three that fail, and two that hold a function."""
        await self.agent.post("/v1/tickets", json=TICKET)

    async def _mention(self) -> None:
        await self.reporter.post(f"/v1/tickets/{self._topic}/comments", json={"body": self._mentions})

    async def _list(self) -> None:
        await self.agent.get("/v1/tickets?limit=100&expand=reporter,assignedTo")

    async def _invite(self) -> None:
        await self.admin.post("/v1/users", json={"email": f"{uuid4()}@x.example", "role": "reporter"})

    async def _spell(self) -> None:
        """Write a good token in a way of its own, so that no cache knows it."""
        token = self.stack.token(f"reporter@{self.domain}")
        await self.reporter.get("/v1/users/me", headers={"Authorization": f"Bearer{' ' * (1 + self._asked)}{token}"})

    async def _listen(self) -> None:
        async for _ in self.live:
            pass

    async def _talk(self) -> None:
        await self.live.send(json.dumps({"action": "subscribe", "topic": "queue"}))


async def _done(request: Awaitable[httpx.Response]) -> dict[str, Any]:
    body: dict[str, Any] = (await request).raise_for_status().json()
    return body
