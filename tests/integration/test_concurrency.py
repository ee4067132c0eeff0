"""Many callers, one ticket: one winner per version, no 5xx, one event per change."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.harness.client import Client
from tests.harness.people import TICKET, Tenant

CALLERS = 16

type NewTicket = Callable[..., dict[str, Any]]


def _at_once(request: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(request, range(CALLERS)))


def _assert_history_is_gapless(client: Client, url: str) -> None:
    version = client.get(url).json()["version"]
    events = client.get(f"{url}/history", params={"limit": "100"}).json()
    assert [event["version"] for event in events] == list(range(1, version + 1))
    assert len({event["id"] for event in events}) == version


@pytest.mark.long
def test_sixteen_callers_move_one_ticket(acme: Tenant, new_ticket: NewTicket) -> None:
    url = f"/v1/tickets/{new_ticket()['id']}"
    answers = _at_once(lambda _: acme.agent.post(f"{url}/transitions", json={"to": "OPEN"}))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: CALLERS - 1}
    assert acme.agent.get(url).json()["version"] == 2
    _assert_history_is_gapless(acme.agent, url)


@pytest.mark.long
def test_sixteen_callers_move_one_ticket_back_and_forth(acme: Tenant, new_ticket: NewTicket) -> None:
    """Half want it OPEN, half want it RESOLVED: each success is a version of its own, each loser is told 409."""
    url = f"/v1/tickets/{new_ticket(by=acme.agent, status='OPEN')['id']}"

    def move(n: int) -> httpx.Response:
        body = {"to": "RESOLVED", "resolution": "x"} if n % 2 else {"to": "OPEN"}
        return acme.agent.post(f"{url}/transitions", json=body)

    answers = _at_once(move)
    moved = [answer.json()["version"] for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert sorted(moved) == list(range(2, len(moved) + 2))
    _assert_history_is_gapless(acme.agent, url)


@pytest.mark.long
def test_sixteen_callers_with_one_etag(acme: Tenant, new_ticket: NewTicket) -> None:
    url = f"/v1/tickets/{new_ticket()['id']}"
    answers = _at_once(lambda n: acme.agent.patch(url, json={"title": f"T{n}"}, if_match='"1"'))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: CALLERS - 1}
    _assert_history_is_gapless(acme.agent, url)


def test_sixteen_callers_change_one_ticket(acme: Tenant, new_ticket: NewTicket) -> None:
    url = f"/v1/tickets/{new_ticket()['id']}"
    answers = _at_once(lambda n: acme.agent.patch(url, json={"title": f"T{n}"}))
    won = [answer.json()["version"] for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert sorted(won) == list(range(2, len(won) + 2))
    _assert_history_is_gapless(acme.agent, url)


def test_sixteen_creates_with_one_key(acme: Tenant) -> None:
    key = {"Idempotency-Key": "sixteen-at-once"}
    answers = _at_once(lambda _: acme.reporter.post("/v1/tickets", json=TICKET, headers=key))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_sixteen_creates_take_sixteen_numbers(acme: Tenant) -> None:
    answers = _at_once(lambda _: acme.reporter.post("/v1/tickets", json=TICKET))
    assert len({answer.json()["number"] for answer in answers}) == CALLERS
