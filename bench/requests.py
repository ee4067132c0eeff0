"""What each operation asks of DynamoDB: requests, and the capacity units that DynamoDB reports for them."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from bench.callers import connect, new_ticket, replacement
from bench.report import Figure
from tests.stack import Stack

GROUP = "Requests to DynamoDB, and capacity units reported (table and indexes), per operation"

_SOMEBODY = "11111111-1111-4111-8111-111111111111"

type Call = Callable[[httpx.Client, str], httpx.Response]

# The most requests that the design allows, per operation.
_OPERATIONS: dict[str, tuple[Call, int]] = {
    "create": (lambda api, _: new_ticket(api), 2),
    "get": (lambda api, url: api.get(url), 1),
    "list, 25 tickets": (lambda api, _: api.get("/v1/tickets"), 1),
    "update": (lambda api, url: api.patch(url, json={"title": "Another title"}), 2),
    "replace": (lambda api, url: api.put(url, json=replacement(0, _SOMEBODY)), 2),
    "transition": (lambda api, url: api.post(f"{url}/transitions", json={"to": "OPEN"}), 2),
    "update with another status": (lambda api, url: api.patch(url, json={"status": "CLOSED"}), 3),
    "history": (lambda api, url: api.get(f"{url}/history"), 2),
    "delete": (lambda api, url: api.delete(url), 2),
    "restore": (lambda api, url: api.post(f"{url}/restore"), 2),
}


def measure(stack: Stack) -> Iterator[Figure]:
    """Do each operation once and yield what was recorded of it."""
    with connect(stack) as api:
        for _ in range(30):
            new_ticket(api)
        url = new_ticket(api).headers["Location"]
        for name, (call, most) in _OPERATIONS.items():
            before = len(_recorded(stack))
            call(api, url).raise_for_status()
            calls = _recorded(stack)[before:]
            yield Figure(GROUP, f"{name}: requests", len(calls), "", reach=most)
            yield Figure(GROUP, f"{name}: capacity", sum(each.get("capacity", 0) for each in calls), "units")


def _recorded(stack: Stack) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in stack.calls.read_text().splitlines()]
    return [line for line in lines if line["service"] == "dynamodb"]
