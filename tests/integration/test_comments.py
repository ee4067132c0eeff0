"""Comments and watchers on the running API: a conversation, what reporters never see, races, the end of a tenant."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.harness.bus import BusProbe
from tests.harness.client import Client
from tests.harness.people import TICKET, OwnTenant, Tenant
from tests.harness.stack import Stack

CALLERS = 16

type NewTicket = Callable[..., dict[str, Any]]


@pytest.fixture
def url(new_ticket: NewTicket) -> str:
    """Make a ticket of acme's reporter and return where it is."""
    return f"/v1/tickets/{new_ticket()['id']}"


def _say(api: Client, url: str, body: str = "Any news?", **fields: str) -> dict[str, Any]:
    answer = api.post(f"{url}/comments", json={"body": body, **fields}, expect=httpx.codes.CREATED)
    comment: dict[str, Any] = answer.json()
    return comment


def _me(api: Client) -> str:
    return str(api.id)


def _resolve(api: Client, url: str) -> None:
    for move in ({"to": "OPEN"}, {"to": "RESOLVED", "resolution": "New router."}):
        api.post(f"{url}/transitions", json=move).raise_for_status()


def _at_once(request: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(request, range(CALLERS)))


def _events(api: Client, url: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = api.get(f"{url}/history", params={"limit": "100"}).json()
    return events


def test_a_conversation(acme: Tenant, url: str) -> None:
    question = _say(acme.reporter, url, "It is back. **Every** minute now.")
    answer = _say(acme.agent, url, f"@[{_me(acme.reporter)}] on cable, too?")
    ticket = acme.reporter.get(url).json()
    assert (ticket["version"], ticket["firstRespondedAt"]) == (3, answer["createdAt"])
    edited = acme.agent.patch(f"{url}/comments/{answer['id']}", json={"body": "On cable, too?"}).json()
    assert (edited["edited"], edited["mentions"]) == (True, [])
    assert acme.reporter.get(f"{url}/comments").json() == [question, edited]
    assert acme.admin.delete(f"{url}/comments/{question['id']}").status_code == httpx.codes.NO_CONTENT
    assert acme.reporter.get(f"{url}/comments").json() == [edited]
    assert acme.reporter.get(url).json() == ticket
    kinds = [event["type"] for event in _events(acme.reporter, url)]
    assert kinds == ["TicketCreated", "CommentAdded", "CommentAdded", "CommentUpdated", "CommentDeleted"]


def test_the_reporters_comment_reopens_a_resolved_ticket(acme: Tenant, url: str) -> None:
    _resolve(acme.agent, url)
    comment = _say(acme.reporter, url, f"It is back, @[{_me(acme.agent)}].")
    ticket = acme.reporter.get(url).json()
    assert (ticket["status"], ticket["resolution"], ticket["version"]) == ("OPEN", None, 4)
    assert acme.reporter.get(f"{url}/comments").json() == [comment]
    moved, added = _events(acme.reporter, url)[-2:]
    assert (moved["type"], moved["version"], moved["changes"]["status"]) == (
        "TicketTransitioned",
        4,
        {"from": "RESOLVED", "to": "OPEN"},
    )
    assert (added["type"], added["version"], added["commentId"]) == ("CommentAdded", 4, comment["id"])
    assert acme.agent.get(f"{url}/watchers/me").json() == {"watching": True}


def test_a_comment_and_the_reopening_that_it_causes_are_both_on_the_bus(stack: Stack, acme: Tenant) -> None:
    with BusProbe(stack) as bus:
        url = acme.reporter.post("/v1/tickets", json=TICKET).headers["Location"]
        _resolve(acme.agent, url)
        _say(acme.reporter, url, "It is back: seldom-heard-words.")
        *_, moved, added = bus.events_of(url.rpartition("/")[2], 5)
        assert (moved["type"], moved["version"]) == ("TicketTransitioned", 4)
        assert (added["type"], added["version"], added["visibility"]) == ("CommentAdded", 4, "public")
        assert (added["ticket"], added["occurredAt"]) == (moved["ticket"], moved["occurredAt"])
        assert "seldom-heard-words" not in str(bus.envelopes)


def test_a_refused_comment_does_not_reopen(acme: Tenant, url: str) -> None:
    _resolve(acme.agent, url)
    before = acme.agent.get(url).json()
    nobody = "11111111-1111-4111-8111-111111111111"
    for body, status in (({"body": f"@[{nobody}]"}, 422), ({"body": "x", "visibility": "internal"}, 403)):
        assert acme.reporter.post(f"{url}/comments", json=body).status_code == status
    assert acme.agent.get(url).json() == before
    assert acme.agent.get(f"{url}/comments").json() == []


def test_a_repeat_with_its_key_does_not_reopen_again(acme: Tenant, url: str) -> None:
    _resolve(acme.agent, url)
    key = {"Idempotency-Key": "it-is-back"}
    first = acme.reporter.post(f"{url}/comments", json={"body": "It is back."}, headers=key)
    acme.agent.post(f"{url}/transitions", json={"to": "RESOLVED", "resolution": "Again."}).raise_for_status()
    before = acme.agent.get(url).json()
    again = acme.reporter.post(f"{url}/comments", json={"body": "It is back."}, headers=key)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert acme.agent.get(url).json() == before


def test_an_internal_comment_leaves_no_trace_for_a_reporter(acme: Tenant, url: str) -> None:
    _say(acme.reporter, url)
    places = [url, f"{url}/comments", f"{url}/comments?limit=1", f"{url}/history?limit=2", f"{url}/watchers/me"]

    def seen() -> list[Any]:
        answers = [acme.reporter.get(place) for place in [*places, "/v1/tickets?limit=5"]]
        return [(answer.json(), answer.headers.get("ETag"), answer.headers.get("Link")) for answer in answers]

    before = seen()
    internal = _say(acme.agent, url, f"@[{_me(acme.admin)}]", visibility="internal")
    place = f"{url}/comments/{internal['id']}"
    acme.agent.patch(place, json={"body": "Another."}).raise_for_status()
    for answer in (
        acme.reporter.get(place),
        acme.reporter.patch(place, json={"body": "x"}),
        acme.reporter.delete(place),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "comment_not_found")
    assert acme.admin.get(f"{url}/watchers/me").json() == {"watching": True}
    acme.agent.delete(place).raise_for_status()
    assert seen() == before
    assert [event["visibility"] for event in _events(acme.agent, url)[2:]] == ["internal"] * 3


@pytest.mark.long
def test_sixteen_callers_comment_on_one_ticket(acme: Tenant, url: str) -> None:
    answers = _at_once(lambda n: acme.agent.post(f"{url}/comments", json={"body": f"{n}"}))
    assert Counter(answer.status_code for answer in answers) == {201: CALLERS}
    comments = acme.reporter.get(f"{url}/comments?limit=100").json()
    assert {comment["body"] for comment in comments} == {str(n) for n in range(CALLERS)}
    assert [event["version"] for event in _events(acme.agent, url)] == list(range(1, CALLERS + 2))
    assert [event["commentId"] for event in _events(acme.agent, url)[1:]] == [comment["id"] for comment in comments]
    first = [event for event in _events(acme.agent, url) if event["changes"].get("firstRespondedAt")]
    assert len(first) == 1


def test_sixteen_comments_reopen_a_ticket_once(acme: Tenant, url: str) -> None:
    _resolve(acme.agent, url)
    answers = _at_once(lambda n: acme.reporter.post(f"{url}/comments", json={"body": f"{n}"}))
    assert Counter(answer.status_code for answer in answers) == {201: CALLERS}
    kinds = Counter(event["type"] for event in _events(acme.agent, url)[3:])
    assert kinds == {"TicketTransitioned": 1, "CommentAdded": CALLERS}
    assert acme.agent.get(url).json()["version"] == CALLERS + 3


@pytest.mark.long
def test_sixteen_comments_with_one_key_are_one(acme: Tenant, url: str) -> None:
    key = {"Idempotency-Key": "sixteen-at-once"}
    answers = _at_once(lambda _: acme.reporter.post(f"{url}/comments", json={"body": "x"}, headers=key))
    assert Counter(answer.status_code for answer in answers) == {201: CALLERS}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(acme.reporter.get(f"{url}/comments").json()) == 1


def test_a_choice_to_watch(acme: Tenant, url: str) -> None:
    watching = f"{url}/watchers/me"
    assert [api.get(watching).json()["watching"] for api in (acme.reporter, acme.agent)] == [True, False]
    acme.reporter.delete(watching).raise_for_status()
    acme.agent.post(watching).raise_for_status()
    _say(acme.agent, url, f"@[{_me(acme.reporter)}]")
    assert [api.get(watching).json()["watching"] for api in (acme.reporter, acme.agent)] == [False, True]


def _left(stack: Stack, partition: str) -> list[str]:
    answer = stack.client("dynamodb").query(
        TableName=stack.outputs["TicketsTableName"],
        KeyConditionExpression="PK = :pk",
        ExpressionAttributeValues={":pk": {"S": partition}},
        ConsistentRead=True,
    )
    return [item["SK"]["S"] for item in answer["Items"]]


@pytest.mark.long
def test_a_deleted_tenant_leaves_no_comment(stack: Stack, found_tenant: Callable[[], OwnTenant]) -> None:
    doomed = found_tenant()
    url = doomed.admin.post("/v1/tickets", json=TICKET).headers["Location"]
    for visibility in ("public", "internal"):
        _say(doomed.admin, url, f"@[{_me(doomed.admin)}]", visibility=visibility)
    partition = f"TENANT#{doomed.id}#TICKET#{url.rpartition('/')[2]}"
    assert len(_left(stack, partition)) == 1 + 3 + 2 + 1
    receipt = doomed.delete().get(f"/v1/tenant-deletions/{doomed.id}").json()
    assert (receipt["tickets"], receipt["events"]) == (1, 3)
    assert _left(stack, partition) == []
