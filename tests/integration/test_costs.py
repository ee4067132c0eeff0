"""What each operation asks of DynamoDB and Step Functions: the design's rule, counted."""

import base64
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.callers import TICKET, Tenant
from tests.stack import Stack

GET, QUERY, UPDATE, BATCH = "GetItem", "Query", "UpdateItem", "BatchGetItem"
TRANSACTION, EXECUTION = "TransactWriteItems", "StartSyncExecution"


def _me(api: httpx.Client) -> str:
    """Return the caller's id, as the token has it."""
    claims = api.headers["Authorization"].split(".")[1]
    me: str = json.loads(base64.urlsafe_b64decode(claims + "=="))["sub"]
    return me


type Call = Callable[[httpx.Client, str], httpx.Response]

RULE: dict[str, tuple[Call, list[str]]] = {
    "create": (lambda api, _: api.post("/v1/tickets", json=TICKET), [UPDATE, TRANSACTION]),
    "create with an assignee": (
        lambda api, _: api.post("/v1/tickets", json=TICKET | {"assignedToId": _me(api)}),
        [UPDATE, TRANSACTION],
    ),
    "get": (lambda api, url: api.get(url), [GET]),
    "get, expanded": (lambda api, url: api.get(f"{url}?expand=reporter,assignedTo"), [GET, BATCH]),
    "list": (lambda api, _: api.get("/v1/tickets"), [QUERY]),
    "list, filtered": (lambda api, _: api.get("/v1/tickets?priority=LOW&tag=x"), [QUERY]),
    "list, expanded": (lambda api, _: api.get("/v1/tickets?expand=reporter,assignedTo&limit=100"), [QUERY, BATCH]),
    "update": (lambda api, url: api.patch(url, json={"title": "x"}), [GET, TRANSACTION]),
    "update of the assignee": (lambda api, url: api.patch(url, json={"assignedToId": _me(api)}), [GET, TRANSACTION]),
    "update that changes nothing": (lambda api, url: api.patch(url, json={"title": TICKET["title"]}), [GET]),
    "transition": (lambda api, url: api.post(f"{url}/transitions", json={"to": "OPEN"}), [EXECUTION, GET, TRANSACTION]),
    "update with another status": (
        lambda api, url: api.patch(url, json={"status": "OPEN"}),
        [GET, EXECUTION, GET, TRANSACTION],
    ),
    "update with another status and assignee": (
        lambda api, url: api.patch(url, json={"status": "OPEN", "assignedToId": _me(api)}),
        [GET, GET, EXECUTION, GET, TRANSACTION],
    ),
    "transition refused": (
        lambda api, url: api.post(f"{url}/transitions", json={"to": "RESOLVED"}),
        [EXECUTION, GET],
    ),
    "history": (lambda api, url: api.get(f"{url}/history"), [GET, QUERY]),
    "history, expanded": (lambda api, url: api.get(f"{url}/history?expand=actor"), [GET, QUERY, BATCH]),
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
    actions = [json.loads(line)["action"] for line in stack.calls.read_text().splitlines()[before:]]
    # The authorizer's look at the account is not the operation's: it is made once a minute and token.
    assert Counter(action for action in actions if action != "AdminGetUser") == Counter(expected)
