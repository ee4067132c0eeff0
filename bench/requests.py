"""What each operation asks of DynamoDB: requests, and the capacity units that DynamoDB reports for them."""

from collections.abc import Callable, Iterator

import httpx

from bench.callers import connect, new_ticket, replacement
from bench.report import Figure
from bench.stack import Stack
from ticketing.access.permissions import Operation

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
    "delete": (lambda api, url, _: api.delete(url), 3),
    "restore": (lambda api, url, _: api.post(f"{url}/restore"), 3),
}


def measure(stack: Stack) -> Iterator[Figure]:
    """Do each operation once and yield what was recorded of it."""
    waited_for = _waited_for()
    with connect(stack) as api:
        for _ in range(30):
            new_ticket(api)
        ticket = new_ticket(api)
        url, me = ticket.headers["Location"], ticket.json()["reporterId"]
        for name, (call, most) in _OPERATIONS.items():
            before = len(stack.calls)
            call(api, url, me).raise_for_status()
            calls = [each for each in stack.calls[before:] if each["principal"] in waited_for]
            calls = [each for each in calls if each["service"] == "dynamodb"]
            yield Figure(GROUP, f"{name}: requests", len(calls), "", reach=most)
            yield Figure(GROUP, f"{name}: capacity", sum(each.get("capacity", 0) for each in calls), "units")


def _waited_for() -> set[str]:
    """Return the functions and state machines that callers wait for. Consumers of events work at the same time."""
    operations = Operation.__members__.values()
    return {f"{each[0].upper()}{each[1:]}Function" for each in operations} | {"TicketLifecycle"}
