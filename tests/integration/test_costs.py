"""What each operation asks of DynamoDB and Step Functions: the design's rule, counted."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.callers import TICKET, Tenant
from tests.stack import Stack

GET, QUERY, UPDATE = "GetItem", "Query", "UpdateItem"
TRANSACTION, EXECUTION = "TransactWriteItems", "StartSyncExecution"

type Call = Callable[[httpx.Client, str], httpx.Response]

RULE: dict[str, tuple[Call, list[str]]] = {
    "create": (lambda api, _: api.post("/v1/tickets", json=TICKET), [UPDATE, TRANSACTION]),
    "get": (lambda api, url: api.get(url), [GET]),
    "list": (lambda api, _: api.get("/v1/tickets"), [QUERY]),
    "list, filtered": (lambda api, _: api.get("/v1/tickets?priority=LOW&tag=x"), [QUERY]),
    "update": (lambda api, url: api.patch(url, json={"title": "x"}), [GET, TRANSACTION]),
    "update that changes nothing": (lambda api, url: api.patch(url, json={"title": TICKET["title"]}), [GET]),
    "transition": (lambda api, url: api.post(f"{url}/transitions", json={"to": "OPEN"}), [EXECUTION, GET, TRANSACTION]),
    "update with another status": (
        lambda api, url: api.patch(url, json={"status": "OPEN"}),
        [GET, EXECUTION, GET, TRANSACTION],
    ),
    "transition refused": (
        lambda api, url: api.post(f"{url}/transitions", json={"to": "RESOLVED"}),
        [EXECUTION, GET],
    ),
    "history": (lambda api, url: api.get(f"{url}/history"), [GET, QUERY]),
    "delete": (lambda api, url: api.delete(url), [GET, TRANSACTION]),
    "restore": (lambda api, url: (api.delete(url), api.post(f"{url}/restore"))[1], [GET, TRANSACTION] * 2),
    "refused by role": (lambda api, url: api.get(url + "0"), []),
}


@pytest.mark.parametrize(("call", "expected"), RULE.values(), ids=RULE.keys())
def test_requests_per_operation(
    stack: Stack, acme: Tenant, new_ticket: Callable[..., dict[str, Any]], call: Call, expected: list[str]
) -> None:
    url = f"/v1/tickets/{new_ticket()['id']}"
    before = len(stack.calls.read_text().splitlines())
    call(acme.admin, url)
    lines = stack.calls.read_text().splitlines()[before:]
    assert Counter(json.loads(line)["action"] for line in lines) == Counter(expected)
