"""The API over HTTP on the local stack: one caller's times, many callers' throughput, and lists of all sizes."""

import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import httpx

from bench.callers import TICKET, connect, move, new_ticket
from bench.filling import USERS
from bench.report import Figure
from bench.stack import Stack

CALLERS = 4
TICKETS = 4
WARM_UP = 8  # calls before the count: they start the functions

type Call = Callable[[int], httpx.Response]


def _calls(api: httpx.Client) -> dict[str, Call]:
    """Return the calls to time, on a few tickets made for them; the n-th call works on the n-th ticket, in turns."""
    urls = [new_ticket(api).headers["Location"] for _ in range(TICKETS)]
    return {
        "get": lambda n: api.get(urls[n % TICKETS]),
        "create": lambda _: api.post("/v1/tickets", json=TICKET),
        "list": lambda _: api.get("/v1/tickets"),
        "update": lambda n: api.patch(urls[n % TICKETS], json={"title": f"Title {n}"}),
        "transition": lambda n: api.post(f"{urls[n % TICKETS]}/transitions", json=move(n // TICKETS)),
    }


def measure(stack: Stack, rounds: int) -> Iterator[Figure]:
    """Time get, create, list, update and transition: alone (p50, p99), then from several callers at once."""
    with connect(stack) as api:
        calls = _calls(api)
        times: dict[str, list[float]] = {name: [] for name in calls}
        for n in range(WARM_UP + rounds):
            for name, call in calls.items():
                elapsed = time_of(partial(call, n))
                if n >= WARM_UP:
                    times[name].append(elapsed)
    group = "HTTP on the local stack, one caller"
    for name, each in times.items():
        yield from _percentiles(group, name, each)
    ratio = statistics.median(times["transition"]) / statistics.median(times["update"])
    yield Figure(group, "transition / update, p50", ratio, "x", reach=3.0)

    for name in ("get", "create", "list", "transition"):
        rate, each = _throughput(stack, name, rounds)
        group = f"HTTP on the local stack, {CALLERS} callers at once"
        yield Figure(group, f"{name}: rate", rate, "requests/s")
        yield from _percentiles(group, name, each)


def _percentiles(group: str, name: str, times: list[float]) -> Iterator[Figure]:
    yield Figure(group, f"{name}: p50", statistics.median(times) * 1000, "ms")
    yield Figure(group, f"{name}: p99", statistics.quantiles(times, n=100)[98] * 1000, "ms")


def _throughput(stack: Stack, name: str, rounds: int) -> tuple[float, list[float]]:
    """Return the requests per second of several callers, and the times of all of them in seconds."""

    def caller(_: int) -> tuple[float, list[float]]:
        with connect(stack) as api:
            call = _calls(api)[name]
            for n in range(WARM_UP):
                call(n)
            started.wait()
            begin = time.perf_counter()
            return begin, [time_of(partial(call, n)) for n in range(WARM_UP, WARM_UP + rounds)]

    started = Barrier(CALLERS)
    with ThreadPoolExecutor(CALLERS) as pool:
        results = list(pool.map(caller, range(CALLERS)))
    end = time.perf_counter()
    times = [elapsed for _, each in results for elapsed in each]
    return len(times) / (end - min(begin for begin, _ in results)), times


def measure_lists(stack: Stack, sizes: tuple[int, int]) -> Iterator[Figure]:
    """Time the first page, and one in the middle, of a small and of a large tenant, taking turns.

    The tenants are those of USERS, filled before.
    """
    group = f"List 25 of {sizes[0]:,} and of {sizes[1]:,} tickets of a tenant, p50 over HTTP"
    clients, middles = {}, {}
    for size, user in zip(sizes, USERS, strict=True):
        clients[size] = connect(stack, user)
        middles[size] = _middle(clients[size])
    times: dict[tuple[str, int], list[float]] = {}
    for n in range(WARM_UP + 100):
        for size, client in clients.items():
            for page, url in (("first page", "/v1/tickets"), ("a later page", middles[size])):
                elapsed = time_of(partial(client.get, url))
                if n >= WARM_UP:
                    times.setdefault((page, size), []).append(elapsed)
    for page in ("first page", "a later page"):
        small, large = (statistics.median(times[page, size]) for size in sizes)
        yield Figure(group, f"{page} of {sizes[0]:,}", small * 1000, "ms")
        yield Figure(group, f"{page} of {sizes[1]:,}", large * 1000, "ms")
        yield Figure(group, f"{page}, large / small", large / small, "x", reach=1.3)
    for client in clients.values():
        client.close()


def _middle(client: httpx.Client) -> str:
    """Return the address of a page some way into the list."""
    page = client.get("/v1/tickets", params={"limit": "100"})
    return str(page.links["next"]["url"]).replace("limit=100", "limit=25")


def time_of(call: Callable[[], httpx.Response]) -> float:
    """Return how many seconds a call takes, which has to succeed."""
    started = time.perf_counter()
    call().raise_for_status()
    return time.perf_counter() - started
