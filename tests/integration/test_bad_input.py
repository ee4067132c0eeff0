"""Bad input over HTTP: each gets the designed error, never a 5xx, and changes nothing."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.harness.people import TICKET, Tenant

type NewTicket = Callable[..., dict[str, Any]]

JSON = {"Content-Type": "application/json"}
SOMEBODY = "11111111-1111-4111-8111-111111111111"


def _raw(**fields: Any) -> str:
    return json.dumps(TICKET | fields)


BAD_BODIES = {
    "nothing": "",
    "malformed": '{"title": ',
    "not an object": "[]",
    "null": "null",
    "trailing text": _raw() + "x",
    "unknown field": _raw(colour="red"),
    "field of the server": _raw(id=SOMEBODY),
    "version": _raw(version=7),
    "tenant": _raw(tenantId=SOMEBODY),
    "missing title": '{"description": "d"}',
    "title of spaces": _raw(title="   "),
    "title over 200": _raw(title="x" * 201),
    "description over 10,000": _raw(description="x" * 10_001),
    "number as title": _raw(title=7),
    "null title": _raw(title=None),
    "null byte": _raw(title="a\0b"),
    "lone surrogate": '{"title": "\\ud800", "description": "d"}',
    "unknown status": _raw(status="DONE"),
    "status that can't be new": _raw(status="CLOSED"),
    "status in lower case": _raw(status="new"),
    "unknown priority": _raw(priority="URGENT"),
    "unknown type": _raw(type=["INCIDENT"]),
    "reporter that is no UUID": _raw(reporterId="bob"),
    "reporter without dashes": _raw(reporterId=SOMEBODY.replace("-", "")),
    "null reporter": _raw(reporterId=None),
    "assignee that is no UUID": _raw(assignedToId="none"),
    "21 tags": _raw(tags=["t"] * 21),
    "tag over 50": _raw(tags=["t" * 51]),
    "empty tag": _raw(tags=[" "]),
    "tags as text": _raw(tags="vpn"),
    "resolution on create": _raw(resolution="x"),
    "NaN": '{"title": NaN, "description": "d"}',
    "deep nesting": '{"title": ' + "[" * 5000 + "]" * 5000 + "}",
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_bad_bodies_of_create(acme: Tenant, body: str) -> None:
    before = _newest(acme)
    answer = acme.agent.post("/v1/tickets", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request"), answer.text
    assert answer.json()["details"]
    assert _newest(acme) == before


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("name", ["malformed", "unknown field", "null byte", "lone surrogate", "unknown status"])
def test_bad_bodies_of_changes(acme: Tenant, new_ticket: NewTicket, method: str, name: str) -> None:
    ticket = new_ticket()
    url = f"/v1/tickets/{ticket['id']}"
    answer = acme.agent.request(method, url, content=BAD_BODIES[name], headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert acme.reporter.get(url).json() == ticket


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("", {}),
        ("", {"number": 1}),
        ("/transitions", {}),
        ("/transitions", {"to": "DONE"}),
        ("/transitions", {"to": "OPEN", "comment": ""}),
        ("/transitions", {"to": "OPEN", "resolution": None}),
        ("/transitions", {"to": "OPEN", "force": True}),
    ],
)
def test_bad_patches_and_transitions(acme: Tenant, new_ticket: NewTicket, path: str, body: dict[str, Any]) -> None:
    ticket = new_ticket()
    url = f"/v1/tickets/{ticket['id']}"
    answer = acme.agent.request("POST" if path else "PATCH", url + path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert acme.reporter.get(url).json() == ticket


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded", ""])
def test_other_content_types(acme: Tenant, media_type: str) -> None:
    answer = acme.agent.post("/v1/tickets", content=_raw(), headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_a_body_over_256_kib(acme: Tenant) -> None:
    answer = acme.agent.post("/v1/tickets", content=_raw() + " " * 256 * 1024, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "-1"},
        {"limit": "ten"},
        {"status": "DONE"},
        {"status": "OPEN,DONE"},
        {"status": ",".join(["OPEN"] * 6)},
        {"priority": ""},
        {"assignedToId": "nobody"},
        {"reporterId": "none"},
        {"tag": ""},
        {"page": "2"},
        {"cursor": ""},
        {"cursor": "AAAA"},
        {"cursor": "\u00fc\u0000"},
        {"cursor": "x" * 5000},
    ],
    ids=str,
)
def test_bad_queries(acme: Tenant, query: dict[str, Any]) -> None:
    answer = acme.agent.get("/v1/tickets", params=query)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_cursors_of_others(acme: Tenant, globex: Tenant, new_ticket: NewTicket) -> None:
    new_ticket(), new_ticket()
    cursor = acme.agent.get("/v1/tickets", params={"limit": "1"}).links["next"]["url"].partition("cursor=")[2]
    altered = ("A" if cursor[0] != "A" else "B") + cursor[1:]
    answers = [
        acme.agent.get("/v1/tickets", params={"cursor": altered}),
        acme.agent.get("/v1/tickets", params={"cursor": cursor[:-2]}),
        acme.agent.get("/v1/tickets", params={"cursor": cursor, "status": "NEW"}),
        acme.reporter.get("/v1/tickets", params={"cursor": cursor}),
        globex.agent.get("/v1/tickets", params={"cursor": cursor}),
    ]
    assert [answer.status_code for answer in answers] == [400] * len(answers)
    assert acme.agent.get("/v1/tickets", params={"cursor": cursor}).status_code == 200


@pytest.mark.parametrize("header", ["7", "seven", '"1", "2"', '"'])
def test_malformed_if_match(acme: Tenant, new_ticket: NewTicket, header: str) -> None:
    url = f"/v1/tickets/{new_ticket()['id']}"
    answer = acme.agent.patch(url, json={"title": "x"}, if_match=header)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize("key", ["", "with space", "k" * 256])
def test_malformed_idempotency_keys(acme: Tenant, key: str) -> None:
    answer = acme.agent.post("/v1/tickets", json=TICKET, key=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


TICKET_IDS = {
    "unknown": "0190b2c4-0000-7000-8000-000000000000",
    "no UUID": "42",
    "a hash": "TICKET%23x",
    "null byte": "%00",
    "not UTF-8": "%ff%fe",
    "long": "a" * 2000,
    "dots": "..%2f..",
}


@pytest.mark.parametrize("ticket_id", TICKET_IDS.values(), ids=TICKET_IDS.keys())
def test_ids_of_no_ticket(acme: Tenant, ticket_id: str) -> None:
    answers = [
        acme.admin.get(f"/v1/tickets/{ticket_id}"),
        acme.admin.patch(f"/v1/tickets/{ticket_id}", json={"title": "x"}),
        acme.admin.delete(f"/v1/tickets/{ticket_id}"),
        acme.admin.post(f"/v1/tickets/{ticket_id}/restore"),
        acme.admin.post(f"/v1/tickets/{ticket_id}/transitions", json={"to": "OPEN"}),
        acme.admin.get(f"/v1/tickets/{ticket_id}/history"),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["code"] for answer in answers} <= {"ticket_not_found", "path_not_found"}


def test_tickets_of_another_tenant_do_not_exist(acme: Tenant, globex: Tenant, new_ticket: NewTicket) -> None:
    ticket = new_ticket()
    url = f"/v1/tickets/{ticket['id']}"
    body = {key: ticket[key] for key in ("title", "description", "status", "priority", "type", "reporterId")}
    answers = [
        globex.admin.get(url),
        globex.admin.put(url, json=body),
        globex.admin.patch(url, json={"title": "x"}),
        globex.admin.delete(url),
        globex.admin.post(f"{url}/restore"),
        globex.admin.post(f"{url}/transitions", json={"to": "OPEN"}),
        globex.admin.get(f"{url}/history"),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "ticket_not_found")}
    assert ticket["id"] not in {each["id"] for each in globex.admin.get("/v1/tickets").json()}
    assert acme.reporter.get(url).json() == ticket


def test_tickets_of_another_reporter_do_not_exist(acme: Tenant, new_ticket: NewTicket) -> None:
    url = f"/v1/tickets/{new_ticket(by=acme.agent)['id']}"
    answers = [
        acme.reporter.get(url),
        acme.reporter.patch(url, json={"title": "x"}),
        acme.reporter.post(f"{url}/transitions", json={"to": "CLOSED"}),
        acme.reporter.get(f"{url}/history"),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "ticket_not_found")}


def test_what_reporters_may_not_do_to_their_own_tickets(acme: Tenant, new_ticket: NewTicket) -> None:
    ticket = new_ticket()
    url = f"/v1/tickets/{ticket['id']}"
    answers = [
        acme.reporter.patch(url, json={"priority": "LOW"}),
        acme.reporter.patch(url, json={"assignedToId": SOMEBODY}),
        acme.reporter.patch(url, json={"title": "x", "reporterId": SOMEBODY}),
        acme.reporter.patch(url, json={"resolution": "x"}),
        acme.reporter.post(f"{url}/transitions", json={"to": "OPEN"}),
        acme.reporter.post(f"{url}/transitions", json={"to": "CLOSED", "resolution": "x"}),
        acme.reporter.delete(url),
        acme.reporter.post("/v1/tickets", json=TICKET | {"reporterId": SOMEBODY}),
        acme.reporter.post("/v1/tickets", json=TICKET | {"assignedToId": SOMEBODY}),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "forbidden")}
    assert acme.reporter.get(url).json() == ticket


def test_the_trash_and_back_keeps_nobodys_secrets(globex: Tenant, acme: Tenant, new_ticket: NewTicket) -> None:
    url = f"/v1/tickets/{new_ticket()['id']}"
    acme.admin.delete(url)
    assert globex.admin.post(f"{url}/restore").status_code == 404


def _newest(tenant: Tenant) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = tenant.agent.get("/v1/tickets", params={"limit": "1"}).json()
    return answer


def test_unknown_query_parameters_are_refused_everywhere(acme: Tenant, new_ticket: NewTicket) -> None:
    """One that asks for `?dryRun=true` must not lose a ticket."""
    ticket = new_ticket()
    url, query = f"/v1/tickets/{ticket['id']}", {"dryRun": "true"}
    answers = [
        acme.admin.post("/v1/tickets", json=TICKET, params=query),
        acme.admin.get(url, params=query),
        acme.admin.patch(url, json={"title": "x"}, params=query),
        acme.admin.delete(url, params=query),
        acme.admin.post(f"{url}/restore", params=query),
        acme.admin.post(f"{url}/transitions", json={"to": "OPEN"}, params=query),
        acme.admin.get(f"{url}/history", params=query),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(400, "bad_request")}
    assert acme.reporter.get(url).json() == ticket
