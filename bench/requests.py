"""What each operation asks of DynamoDB: requests, and the capacity units that DynamoDB reports for them."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from bench.callers import connect, new_ticket, replacement
from bench.report import Figure
from tests.stack import Stack

GROUP = "Requests to DynamoDB, and capacity units reported (table and indexes), per operation"

type Call = Callable[[httpx.Client, str, str], httpx.Response]
"""Takes a client, the address of a ticket, and the id of whoever calls."""

# The most requests that the design allows, per operation.
_OPERATIONS: dict[str, tuple[Call, int]] = {
    "create": (lambda api, _, __: new_ticket(api), 2),
    "get": (lambda api, url, _: api.get(url), 1),
    "get, with the reporter's name": (lambda api, url, _: api.get(f"{url}?expand=reporter"), 2),
    "list, 25 tickets": (lambda api, _, __: api.get("/v1/tickets"), 1),
    "list, with the reporters' names": (lambda api, _, __: api.get("/v1/tickets?expand=reporter"), 2),
    "update": (lambda api, url, _: api.patch(url, json={"title": "Another title"}), 2),
    "update of the assignee": (lambda api, url, me: api.patch(url, json={"assignedToId": me}), 2),
    "replace": (lambda api, url, me: api.put(url, json=replacement(0, me)), 2),
    "transition": (lambda api, url, _: api.post(f"{url}/transitions", json={"to": "OPEN"}), 2),
    "update with another status": (lambda api, url, _: api.patch(url, json={"status": "CLOSED"}), 3),
    "history": (lambda api, url, _: api.get(f"{url}/history"), 2),
    "delete": (lambda api, url, _: api.delete(url), 2),
    "restore": (lambda api, url, _: api.post(f"{url}/restore"), 2),
}


def measure(stack: Stack) -> Iterator[Figure]:
    """Do each operation once and yield what was recorded of it."""
    with connect(stack) as api:
        for _ in range(30):
            new_ticket(api)
        ticket = new_ticket(api)
        url, me = ticket.headers["Location"], ticket.json()["reporterId"]
        for name, (call, most) in _OPERATIONS.items():
            before = len(_recorded(stack))
            call(api, url, me).raise_for_status()
            calls = _recorded(stack)[before:]
            yield Figure(GROUP, f"{name}: requests", len(calls), "", reach=most)
            yield Figure(GROUP, f"{name}: capacity", sum(each.get("capacity", 0) for each in calls), "units")


def _recorded(stack: Stack) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in stack.calls.read_text().splitlines()]
    return [line for line in lines if line["service"] == "dynamodb"]
