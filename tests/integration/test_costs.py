"""What each operation asks of DynamoDB and Step Functions: the design's rule, counted."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.harness.client import Client
from tests.harness.files import EICAR, announce, consumed, settled, upload
from tests.harness.people import TICKET, Accounts, OwnTenant, Tenant
from tests.harness.postbox import until
from tests.harness.stack import Stack
from ticketing.access.permissions import Operation

GET, QUERY, UPDATE, PUT, BATCH = "GetItem", "Query", "UpdateItem", "PutItem", "BatchGetItem"
TRANSACTION, EXECUTION = "TransactWriteItems", "StartSyncExecution"


def _comment(api: Client, url: str, body: str = "x", *, key: str | None = None, **fields: str) -> httpx.Response:
    return api.post(f"{url}/comments", json={"body": body, **fields}, key=key)


def _mail(api: Client, *, on: bool) -> httpx.Response:
    return api.patch("/v1/users/me", json={"notifications": {"mail": on}}).raise_for_status()


def _invite(api: Client) -> httpx.Response:
    return api.post("/v1/users", json={"email": f"{uuid4()}@founded.example", "role": "reporter"})


WAITED_FOR = {f"{each[0].upper()}{each[1:]}Function" for each in Operation} | {"TicketLifecycle"}
"""Whose requests a caller waits for; consumers of events work at the same time."""

type Call = Callable[[Client, str], Any]

RULE: dict[str, tuple[Call, list[str]]] = {
    "create": (lambda api, _: api.post("/v1/tickets", json=TICKET), [UPDATE, TRANSACTION]),
    "create with an assignee": (
        lambda api, _: api.post("/v1/tickets", json=TICKET | {"assignedToId": api.id}),
        [UPDATE, TRANSACTION],
    ),
    "get": (lambda api, url: api.get(url), [GET]),
    "get, expanded": (lambda api, url: api.get(f"{url}?expand=reporter,assignedTo"), [GET, BATCH]),
    "list": (lambda api, _: api.get("/v1/tickets"), [QUERY]),
    "list, filtered": (lambda api, _: api.get("/v1/tickets?priority=LOW&tag=x"), [QUERY]),
    "list, of three statuses": (lambda api, _: api.get("/v1/tickets?status=NEW,OPEN,CLOSED"), [QUERY] * 3),
    "list, since a time": (lambda api, _: api.get("/v1/tickets?updatedSince=2026-01-31T09:30:00Z"), [QUERY]),
    "list, by number": (lambda api, _: api.get("/v1/tickets?sort=number&limit=100"), [QUERY, BATCH]),
    "list, of one number": (lambda api, _: api.get("/v1/tickets?number=1"), [QUERY, BATCH]),
    "list, expanded": (lambda api, _: api.get("/v1/tickets?expand=reporter,assignedTo&limit=100"), [QUERY, BATCH]),
    "update": (lambda api, url: api.patch(url, json={"title": "x"}), [GET, TRANSACTION]),
    "update of the assignee": (lambda api, url: api.patch(url, json={"assignedToId": api.id}), [GET, TRANSACTION]),
    "update that changes nothing": (lambda api, url: api.patch(url, json={"title": TICKET["title"]}), [GET]),
    "transition": (lambda api, url: api.post(f"{url}/transitions", json={"to": "OPEN"}), [EXECUTION, GET, TRANSACTION]),
    "update with another status": (
        lambda api, url: api.patch(url, json={"status": "OPEN"}),
        [GET, EXECUTION, GET, TRANSACTION],
    ),
    "update with another status and assignee": (
        lambda api, url: api.patch(url, json={"status": "OPEN", "assignedToId": api.id}),
        [GET, GET, EXECUTION, GET, TRANSACTION],
    ),
    "transition refused": (
        lambda api, url: api.post(f"{url}/transitions", json={"to": "RESOLVED"}),
        [EXECUTION, GET],
    ),
    "history": (lambda api, url: api.get(f"{url}/history"), [GET, QUERY]),
    "history, expanded": (lambda api, url: api.get(f"{url}/history?expand=actor"), [GET, QUERY, BATCH]),
    "comment": (_comment, [GET, TRANSACTION]),
    "comment, internal": (lambda api, url: _comment(api, url, visibility="internal"), [GET, TRANSACTION]),
    "comment that mentions somebody": (lambda api, url: _comment(api, url, f"@[{api.id}]"), [GET, TRANSACTION]),
    "comment, repeated with its key": (
        lambda api, url: [_comment(api, url, key=url) for _ in range(2)][1],
        [GET, TRANSACTION, *[GET, TRANSACTION, GET, GET]],
    ),
    "comments": (lambda api, url: api.get(f"{url}/comments"), [GET, QUERY]),
    "comments, expanded": (
        lambda api, url: (_comment(api, url), api.get(f"{url}/comments?expand=author"))[1],
        [GET, TRANSACTION, *[GET, QUERY, BATCH]],
    ),
    "a comment": (
        lambda api, url: api.get(_comment(api, url).headers["Location"]),
        [GET, TRANSACTION, *[GET, GET]],
    ),
    "change of a comment": (
        lambda api, url: api.patch(_comment(api, url).headers["Location"], json={"body": f"@[{api.id}]"}),
        [GET, TRANSACTION, *[GET, GET, TRANSACTION]],
    ),
    "deletion of a comment": (
        lambda api, url: api.delete(_comment(api, url).headers["Location"]),
        [GET, TRANSACTION, *[GET, GET, TRANSACTION]],
    ),
    "announcement of a file": (announce, [GET, TRANSACTION]),
    "announcement, repeated with its key": (
        lambda api, url: [announce(api, url, key="repeated") for _ in range(2)][1],
        [GET, TRANSACTION, *[GET, TRANSACTION, GET, GET, UPDATE]],
    ),
    "files": (lambda api, url: api.get(f"{url}/attachments"), [GET, QUERY]),
    "a file": (
        lambda api, url: api.get(f"{url}/attachments/{announce(api, url)['id']}"),
        [GET, TRANSACTION, *[GET, GET]],
    ),
    "content of a file": (
        lambda api, url: api.get(f"{url}/attachments/{announce(api, url)['id']}/content"),
        [GET, TRANSACTION, *[GET, GET]],
    ),
    "removal of a file": (
        lambda api, url: api.delete(f"{url}/attachments/{announce(api, url)['id']}"),
        [GET, TRANSACTION, *[GET, GET, TRANSACTION]],
    ),
    "comment with files": (
        lambda api, url: api.post(
            f"{url}/comments", json={"body": "x", "attachmentIds": [announce(api, url)["id"] for _ in range(3)]}
        ),
        [*[GET, TRANSACTION] * 3, GET, TRANSACTION],
    ),
    "watch": (lambda api, url: api.post(f"{url}/watchers/me"), [GET, TRANSACTION]),
    "watch no longer": (lambda api, url: api.delete(f"{url}/watchers/me"), [GET, TRANSACTION]),
    "watching?": (lambda api, url: api.get(f"{url}/watchers/me"), [GET, GET]),
    "delete": (lambda api, url: api.delete(url), [GET, GET, TRANSACTION]),
    "restore": (lambda api, url: (api.delete(url), api.post(f"{url}/restore"))[1], [GET, GET, TRANSACTION] * 2),
    "refused by role": (lambda api, url: api.get(url + "0"), []),
}


USERS_RULE: dict[str, tuple[Callable[[Client], httpx.Response], list[str]]] = {
    "who am I": (lambda api: api.get("/v1/users/me"), [GET]),
    "change of one's own name": (lambda api: api.patch("/v1/users/me", json={"name": f"Ada {uuid4()}"}), [GET, UPDATE]),
    "no mail, who am I, mail again": (
        lambda api: (_mail(api, on=False), api.get("/v1/users/me").raise_for_status(), _mail(api, on=True))[2],
        [*[GET, UPDATE], GET, *[GET, UPDATE]],
    ),
    "mail that is on switched on": (lambda api: _mail(api, on=True), [GET]),
    "a user": (lambda api: api.get(f"/v1/users/{api.id}"), [GET]),
    "users": (lambda api: api.get("/v1/users?name=a&role=admin"), [QUERY]),
    "users, sought": (lambda api: api.get("/v1/users?q=a"), [QUERY, BATCH]),
    "users, sought in vain": (lambda api: api.get("/v1/users?q=nobody+has+this+name"), [QUERY]),
    "invitation": (_invite, [GET, GET, TRANSACTION, PUT, GET, TRANSACTION]),
    "change of a role": (
        lambda api: api.patch(_invite(api).headers["Location"], json={"role": "agent"}),
        [*[GET, GET, TRANSACTION, PUT, GET, TRANSACTION], *[GET, GET, TRANSACTION]],
    ),
    "what admins did": (lambda api: api.get("/v1/audit-events"), [GET, QUERY]),
    "the tenant": (lambda api: api.get("/v1/tenant"), [GET]),
    "change of a setting": (
        lambda api: api.patch("/v1/tenant", json={"settings": {"defaultPriority": "HIGH"}}),
        [GET, GET, TRANSACTION],
    ),
    "API keys": (lambda api: api.get("/v1/api-keys"), [GET, QUERY]),
    "another API key": (lambda api: api.post("/v1/api-keys", json={"name": "x", "role": "agent"}), [GET, TRANSACTION]),
}


MADE = [GET, QUERY, TRANSACTION]
"""What `_webhook` asks for: the caller, the others that lead to the host, the write."""


def _webhook(api: Client) -> str:
    """Make a webhook that is switched off, and return where it is."""
    body = {"url": "https://1.1.1.1/in", "eventTypes": ["*"], "active": False}
    return api.post("/v1/webhooks", json=body).headers["Location"]


USERS_RULE |= {
    "webhooks": (lambda api: api.get("/v1/webhooks"), [GET, QUERY]),
    "another webhook, and its end": (lambda api: api.delete(_webhook(api)), [*MADE, GET, GET, TRANSACTION]),
    "a webhook": (lambda api: api.get(_webhook(api)), [*MADE, GET, GET]),
    "change of a webhook": (
        lambda api: api.patch(_webhook(api), json={"description": "x"}),
        [*MADE, GET, GET, TRANSACTION],
    ),
    "another secret": (
        lambda api: api.post(f"{_webhook(api)}/secret", json={}),
        [*MADE, GET, GET, TRANSACTION],
    ),
    "deliveries": (lambda api: api.get(f"{_webhook(api)}/deliveries"), [*MADE, GET, GET, QUERY]),
}


def _view(api: Client, **values: bool) -> str:
    """Save a view, and return where it is."""
    body = {"name": str(uuid4()), "query": "status:OPEN", **values}
    return api.post("/v1/views", json=body).headers["Location"]


USERS_RULE |= {
    "views": (lambda api: api.get("/v1/views"), [QUERY, QUERY]),
    "a view": (lambda api: api.get(_view(api)), [TRANSACTION, GET]),
    "a shared view": (lambda api: api.get(_view(api, shared=True)), [*[GET, TRANSACTION], *[GET, GET]]),
    "change of a view": (lambda api: api.patch(_view(api), json={"query": "x"}), [TRANSACTION, *[GET, TRANSACTION]]),
    "end of a view": (lambda api: api.delete(_view(api)), [TRANSACTION, *[GET, TRANSACTION]]),
    "end of a shared view": (
        lambda api: api.delete(_view(api, shared=True)),
        [*[GET, TRANSACTION], *[GET, GET, GET, TRANSACTION]],
    ),
}


def _calendar(api: Client) -> str:
    """Make a calendar, and return where it is."""
    body = {"name": str(uuid4()), "timeZone": "UTC", "hours": {"monday": [{"from": "09:00", "to": "17:00"}]}}
    return api.post("/v1/calendars", json=body).headers["Location"]


USERS_RULE |= {
    "calendars": (lambda api: api.get("/v1/calendars"), [GET]),
    "another calendar, and its end": (lambda api: api.delete(_calendar(api)), [GET, GET, TRANSACTION] * 2),
}


@pytest.mark.parametrize(("call", "expected"), RULE.values(), ids=RULE.keys())
def test_requests_per_operation(
    stack: Stack, acme: Tenant, new_ticket: Callable[..., dict[str, Any]], call: Call, expected: list[str]
) -> None:
    url = f"/v1/tickets/{new_ticket()['id']}"
    with _counted(stack) as actions:
        call(acme.admin, url)
    assert actions == Counter(expected)


@pytest.mark.parametrize("content", [b"clean", EICAR, b"x" * 10_000_000], ids=["clean", "infected", "large"])
def test_requests_for_a_file_that_arrives(
    stack: Stack, acme: Tenant, new_ticket: Callable[..., dict[str, Any]], content: bytes
) -> None:
    """Whatever its size. If both consumers decide at once, one of them loses, and decides again."""
    url = f"/v1/tickets/{new_ticket()['id']}"
    announced = announce(acme.agent, url, content)
    before = stack.recorded()
    upload(announced, content).raise_for_status()
    settled(acme.agent, f"{url}/attachments/{announced['id']}")
    done = (announced["id"], "done")

    def by() -> set[str]:
        return {each["message"] for each in consumed(stack) if (each.get("attachmentId"), each["outcome"]) == done}

    until(by, {"receiveUpload", "recordScan"}.__eq__)
    calls = stack.calls_since(before)
    asked = {
        principal: Counter(
            call["action"] for call in calls if (call["principal"], call["service"]) == (principal, "dynamodb")
        )
        for principal in ("ReceiveUploadFunction", "RecordScanFunction")
    }
    together = asked["ReceiveUploadFunction"] + asked["RecordScanFunction"]
    assert set(together) <= {GET, TRANSACTION, UPDATE}
    assert 1 <= together[TRANSACTION] <= 2
    assert together[UPDATE] <= 2 + 2 * (content == EICAR)
    assert together[GET] <= 8


def test_authorization_reads_one_row_and_asks_cognito_nothing(
    stack: Stack, accounts: Accounts, new_ticket: Callable[..., dict[str, Any]]
) -> None:
    url = f"/v1/tickets/{new_ticket()['id']}"
    time.sleep(1)  # tokens of one second may be the same, and API Gateway remembers the authorizer's answer to a token
    newly_signed_in = accounts.caller("agent@acme.example")
    asked = stack.calls.read_text().count('"AdminGetUser"')
    with _counted(stack, authorizer=True) as actions:
        assert newly_signed_in.get(url).status_code == 200
    assert stack.calls.read_text().count('"AdminGetUser"') == asked
    assert actions == Counter([GET, GET])  # the user, the ticket
    with _counted(stack, authorizer=True) as later:
        assert newly_signed_in.get(url).status_code == 200
    assert later == Counter([GET])


def test_authorization_reads_once_a_minute_for_an_api_key(
    stack: Stack, acme: Tenant, connect: Callable[..., Client], new_ticket: Callable[..., dict[str, Any]]
) -> None:
    url = f"/v1/tickets/{new_ticket()['id']}"
    key = acme.admin.post("/v1/api-keys", json={"name": "Counted", "role": "agent"}).json()["key"]
    program = connect(token=key)
    with _counted(stack, authorizer=True) as first:
        assert program.get(url).status_code == 200
    assert first == Counter([GET, UPDATE, GET])  # whose it is, that it was used; the ticket
    with _counted(stack, authorizer=True) as later:
        assert program.get(url).status_code == 200
    assert later == Counter([GET])


@pytest.mark.parametrize(
    ("mentions", "looked_up"), [pytest.param(False, [], id="nobody"), pytest.param(True, [BATCH], id="somebody")]
)
def test_requests_of_a_comment_that_reopens(
    stack: Stack, acme: Tenant, new_ticket: Callable[..., dict[str, Any]], looked_up: list[str], *, mentions: bool
) -> None:
    url = f"/v1/tickets/{new_ticket()['id']}"
    for move in ({"to": "OPEN"}, {"to": "RESOLVED", "resolution": "x"}):
        acme.agent.post(f"{url}/transitions", json=move).raise_for_status()
    agent = acme.agent.id
    with _counted(stack) as actions:
        _comment(acme.reporter, url, f"@[{agent}]" if mentions else "Again.").raise_for_status()
    assert actions == Counter([GET, *looked_up, EXECUTION, GET, TRANSACTION])
    assert acme.agent.get(url).json()["status"] == "OPEN"


@pytest.mark.parametrize("internal", [0, 3])
def test_requests_of_a_reporters_list_that_leaves_some_out(
    stack: Stack, acme: Tenant, new_ticket: Callable[..., dict[str, Any]], internal: int
) -> None:
    url = f"/v1/tickets/{new_ticket()['id']}"
    for visibility in ["public", *["internal"] * internal, "public"]:
        _comment(acme.agent, url, visibility=visibility).raise_for_status()
    with _counted(stack) as actions:
        assert len(acme.reporter.get(f"{url}/comments?limit=2").json()) == 2
    assert actions == Counter([GET, QUERY])


@pytest.fixture(scope="module")
def admin(found_tenant: Callable[[], OwnTenant]) -> Client:
    """Make a tenant whose settings nobody else depends on."""
    return found_tenant().admin


@pytest.mark.parametrize(("call", "expected"), USERS_RULE.values(), ids=USERS_RULE.keys())
def test_requests_per_operation_of_the_user_service(
    stack: Stack,
    admin: Client,
    call: Callable[[Client], httpx.Response],
    expected: list[str],
) -> None:
    with _counted(stack) as actions:
        call(admin).raise_for_status()
    assert actions == Counter(expected)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=drops", [GET, BATCH]),
        ("q=drops&facets=status,tag&highlight=true&limit=100", [GET, BATCH]),
        ("q=drops&expand=reporter,assignedTo", [GET, BATCH, BATCH]),
        ("q=created>-1d", [GET, GET, BATCH]),
        ("q=reporter:reporter@acme.example", [GET, QUERY, BATCH]),
        ("q=drops -drops", [GET]),
    ],
)
def test_requests_of_a_search(
    stack: Stack, acme: Tenant, new_ticket: Callable[..., dict[str, Any]], query: str, expected: list[str]
) -> None:
    """Whatever the query, one read says which index is served, and one batch reads the hits."""
    new_ticket()
    until(lambda: acme.agent.get("/v1/search/tickets?q=drops").json()["tickets"], bool)
    with _counted(stack) as actions:
        acme.agent.get(f"/v1/search/tickets?{query}").raise_for_status()
    assert actions == Counter(expected)
    with _counted(stack) as suggested:
        acme.agent.get("/v1/search/suggestions?q=dr").raise_for_status()
    assert suggested == Counter([GET])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("volume", [GET, GET, GET]),
        ("workload?compare=previous", [GET, GET, GET, BATCH]),
        ("tickets?report=age&figure=open", [GET, GET, GET, BATCH, BATCH]),
    ],
)
def test_requests_of_a_report(
    stack: Stack, acme: Tenant, new_ticket: Callable[..., dict[str, Any]], path: str, expected: list[str]
) -> None:
    """Settings, calendars and which index is served; then tickets, and names."""
    new_ticket()
    opened = "/v1/reports/tickets?report=workload&figure=open&group=agent.none%3D"
    until(lambda: acme.agent.get(opened).json()["tickets"], bool)
    with _counted(stack) as actions:
        acme.agent.get(f"/v1/reports/{path}").raise_for_status()
    assert actions == Counter(expected)


@contextmanager
def _counted(stack: Stack, *, authorizer: bool = False) -> Iterator[Counter[str]]:
    """Count the requests to DynamoDB and Step Functions in the meantime, of those who work while the caller waits.

    Cognito and API Gateway are not the rule's. The authorizer is called once a minute and token.
    """
    before, actions = stack.recorded(), Counter[str]()
    yield actions
    calls = stack.calls_since(before)
    waited_for = WAITED_FOR | ({"AuthorizeFunction"} if authorizer else set())
    asked = [call for call in calls if call["principal"] in waited_for]
    actions.update(call["action"] for call in asked if call["service"] in {"dynamodb", "states"})
