"""Search on the local stack: when a change is found, how fast a warm and a cold function answer, what a pass costs.

The tenants are those of `filling`: their tickets read like real ones, and each has an index of all of them.
"""

import json
import random
import statistics
import string
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from bench.callers import claim, connect, new_ticket
from bench.engine import MIX
from bench.events import EVENTS
from bench.filling import USERS, index_of
from bench.http import WARM_UP, time_of
from bench.report import Figure
from bench.stack import Stack
from bench.start import Start, operations
from local.settings import ROOT

BUILT = ROOT / ".aws-sam" / "build" / "template.yaml"
"""What the local stack has deployed."""

AT_ONCE = 10
"""How many changes are made at the same time: as many as a ticket has in its life."""

COLD_STARTS = 5

PATIENCE = 60.0
"""Seconds after which a change that is not found is taken for lost."""

QUIET = 3.0
"""Seconds without a call after which a pass is over: more than changes are gathered for."""

_INDEXERS = {"NoteForSearchFunction", "IndexTenantFunction"}

_COLD = """
import json, sys
from {module} import handler
class Context:
    aws_request_id = function_name = "bench"
    def get_remaining_time_in_millis(self): return 10_000
answer = handler(json.loads({event!r}), Context())
assert answer["statusCode"] == 200, answer
sys.path.append({root!r})
from bench.memory import peak
print(json.dumps({{"total": json.loads(answer["body"])["total"]["value"], "memory": peak()}}))
"""


def measure(stack: Stack, sizes: tuple[int, int], rounds: int, changes: int) -> Iterator[Figure]:
    """Measure both of the tenants; the answers of searches last, when nothing is being written any more."""
    with connect(stack, USERS[0]) as api:
        yield from _passes(stack, api)
    for size, user in zip(sizes, USERS, strict=True):
        with connect(stack, user) as api:
            yield from _until_found(api, size, changes)
    start = operations(BUILT)["searchTickets"]
    for size, user in zip(sizes, USERS, strict=True):
        yield from _cold(stack, start, user, size)
        with connect(stack, user) as api:
            yield from _warm(api, size, rounds)


# --- changes ----------------------------------------------------------------------------------------------------------


def _until_found(api: httpx.Client, size: int, changes: int) -> Iterator[Figure]:
    """Change titles of tickets, and time from each answer on until a search finds the ticket."""
    urls = [new_ticket(api).headers["Location"] for _ in range(4)]
    waits = []
    for n in range(-2, changes):  # the first ones start the functions
        time.sleep(n * 0.037 % 0.5)  # at any point between two looks at the queues
        wait = _until_found_in(api, urls[n % len(urls)])
        if n >= 0:
            waits.append(wait)
    group = f"Search on the local stack: from the answer to a change until it is found, among {size:,} tickets"
    yield Figure(group, "p50", statistics.median(waits) * 1000, "ms")
    yield Figure(group, "p95", statistics.quantiles(waits, n=20)[18] * 1000, "ms", reach=2000)
    yield Figure(group, "the longest", max(waits) * 1000, "ms")


def _until_found_in(api: httpx.Client, url: str) -> float:
    word = _change(api, url)
    answered = time.perf_counter()
    while not _found(api, word):
        if time.perf_counter() - answered > PATIENCE:
            message = f"A change was not found within {PATIENCE:g} s."
            raise RuntimeError(message)
        time.sleep(0.05)
    return time.perf_counter() - answered


def _change(api: httpx.Client, url: str) -> str:
    """Give a ticket a title that no other has, and return it."""
    word = "".join(random.choices(string.ascii_lowercase, k=16))  # noqa: S311 - made up
    api.patch(url, json={"title": word}).raise_for_status()
    return word


def _found(api: httpx.Client, word: str) -> bool:
    answer = api.get("/v1/search/tickets", params={"q": f'"{word}"'}).raise_for_status()
    return bool(answer.json()["tickets"])


def _passes(stack: Stack, api: httpx.Client) -> Iterator[Figure]:
    """Count what the indexers ask of AWS for one change, and for several at once."""
    urls = [new_ticket(api).headers["Location"] for _ in range(AT_ONCE)]
    _counted(stack, api, urls)  # starts the functions
    for name, some in (("one change", urls[:1]), (f"{AT_ONCE} changes at once", urls)):
        group = f"Search on the local stack: what {name} of a tenant's tickets asks of AWS, until found"
        counts, capacity = _counted(stack, api, some)
        yield Figure(group, "passes over the index", counts["dynamodb:PutItem"], "")
        yield Figure(group, "S3: puts", counts["s3:PutObject"], "")
        yield Figure(group, "S3: gets", counts["s3:GetObject"], "")
        yield Figure(group, "SQS: messages sent", counts["sqs:SendMessage"], "")
        yield Figure(group, "DynamoDB: requests", sum(n for each, n in counts.items() if "dynamodb:" in each), "")
        yield Figure(group, "DynamoDB: capacity", capacity, "units")


def _counted(stack: Stack, api: httpx.Client, urls: list[str]) -> tuple[Counter[str], float]:
    """Change tickets at the same time; return how often the indexers have called what, and their capacity units."""
    before = len(_quiet(stack))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        words = list(pool.map(partial(_change, api), urls))
    while not all(_found(api, word) for word in words):
        time.sleep(0.1)
    calls = [call for call in _quiet(stack)[before:] if call["principal"] in _INDEXERS]
    actions = Counter(access["action"] for call in calls for access in call["accesses"])
    return actions, sum(call.get("capacity", 0) for call in calls)


def _quiet(stack: Stack) -> list[dict[str, Any]]:
    """Return all calls so far, after the indexers have made none for a while."""
    calls: list[dict[str, Any]] = []
    before = -1
    while (count := sum(call["principal"] in _INDEXERS for call in calls)) != before:
        before = count
        time.sleep(QUIET)
        calls = stack.calls
    return calls


# --- answers ----------------------------------------------------------------------------------------------------------


def _warm(api: httpx.Client, size: int, rounds: int) -> Iterator[Figure]:
    """Time the mix of queries, each after a list, so that both meet the machine in the same mood."""
    lists: list[float] = []
    searches: dict[str, list[float]] = {name: [] for name in MIX}
    for n in range(WARM_UP + rounds):
        for name, q in MIX.items():
            listing = time_of(partial(api.get, "/v1/tickets"))
            searching = time_of(partial(api.get, "/v1/search/tickets", params={"q": q}))
            if n >= WARM_UP:
                lists.append(listing)
                searches[name].append(searching)
    group = f"Search over HTTP among {size:,} tickets, p50 of 25 hits, against a list of 25 tickets in turns"
    for name, times in searches.items():
        yield Figure(group, name, statistics.median(times) * 1000, "ms")
    mixed, listed = statistics.median(each for times in searches.values() for each in times), statistics.median(lists)
    yield Figure(group, "the mix", mixed * 1000, "ms")
    yield Figure(group, "a list", listed * 1000, "ms")
    yield Figure(group, "the mix / a list", mixed / listed, "x", reach=1.5)


def _cold(stack: Stack, start: Start, user: str, size: int) -> Iterator[Figure]:
    """Time searchTickets as shipped, each time in a new process without anything on its disk, up to its answer."""
    tenant_id = claim(stack.token(user), "custom:tenantId")
    times, memory = [], []
    for _ in range(COLD_STARTS):
        with tempfile.TemporaryDirectory(prefix="bench-cold-") as folder:
            started = time.perf_counter()
            answer = _cold_answer(stack, start, tenant_id, folder)
            times.append(time.perf_counter() - started)
        memory.append(answer["memory"])
        if not answer["total"]:
            message = "A cold search has found nothing."
            raise RuntimeError(message)
    with tempfile.TemporaryDirectory(prefix="bench-index-") as folder:
        store = index_of(stack, tenant_id, Path(folder))._store
        serving = store.pointer().serving
        state = store.map(serving.ref) if serving and serving.ref else None
    group = f"Search among {size:,} tickets, cold: a new process of searchTickets as shipped, up to its answer"
    if state is not None:
        yield Figure(group, "index", state.size / 2**20, "MB")
        yield Figure(group, "index of a ticket", state.size / state.documents, "bytes")
        yield Figure(group, "segments", len(state.segments), "")
    yield Figure(group, "p50", statistics.median(times) * 1000, "ms")
    yield Figure(group, "the longest", max(times) * 1000, "ms", reach=2000)
    yield Figure(group, "memory", max(memory), "MB", reach=512)


def _cold_answer(stack: Stack, start: Start, tenant_id: str, folder: str) -> dict[str, Any]:
    event = json.loads(json.dumps(EVENTS["searchTickets"]))
    event["requestContext"]["authorizer"]["tenantId"] = tenant_id
    event["queryStringParameters"] = {"q": "printer network"}
    event["multiValueQueryStringParameters"] = {"q": ["printer network"]}
    names = {
        "SEARCH_BUCKET": stack.outputs["SearchBucketName"],
        "SEARCH_TABLE": stack.outputs["SearchTableName"],
        "TICKETS_TABLE": stack.outputs["TicketsTableName"],
        "TMPDIR": folder,
        "USERS_TABLE": stack.outputs["UsersTableName"],
    }
    script = _COLD.format(module="search_tickets", event=json.dumps(event), root=str(ROOT))
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=start.environment(stack.aws_endpoint) | names,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
