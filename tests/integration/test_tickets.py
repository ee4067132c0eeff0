"""The life of tickets over HTTP, as the README tells it."""

from collections.abc import Callable
from typing import Any

from tests.harness.client import Client
from tests.harness.people import TICKET, Tenant

type NewTicket = Callable[..., dict[str, Any]]


def test_a_ticket_from_report_to_close(acme: Tenant) -> None:
    created = acme.reporter.post("/v1/tickets", json=TICKET)
    ticket = created.json()
    url = f"/v1/tickets/{ticket['id']}"
    assert created.headers["Location"] == url
    assert created.headers["ETag"] == '"1"'
    assert (ticket["status"], ticket["priority"], ticket["type"]) == ("NEW", "MEDIUM", "INCIDENT")
    assert ticket["allowedTransitions"] == ["CLOSED"]

    agent = acme.agent
    assert agent.get(url).json()["allowedTransitions"] == ["OPEN", "CLOSED"]
    assert agent.post(f"{url}/transitions", json={"to": "OPEN"}).json()["status"] == "OPEN"

    unassigned = agent.post(f"{url}/transitions", json={"to": "IN_PROGRESS"})
    assert (unassigned.status_code, unassigned.json()["details"]) == (422, ["assignedToId"])
    me = agent.post("/v1/tickets", json=TICKET).json()["reporterId"]
    mine = agent.patch(url, json={"assignedToId": me, "status": "IN_PROGRESS", "priority": "HIGH"})
    assert (mine.json()["status"], mine.json()["priority"], mine.json()["version"]) == ("IN_PROGRESS", "HIGH", 3)

    resolved = agent.post(f"{url}/transitions", json={"to": "RESOLVED", "resolution": "New router.", "comment": "done"})
    assert (resolved.json()["status"], resolved.json()["resolution"]) == ("RESOLVED", "New router.")
    assert resolved.headers["ETag"] == '"4"'
    assert acme.reporter.post(f"{url}/transitions", json={"to": "CLOSED"}).json()["status"] == "CLOSED"

    history = acme.reporter.get(f"{url}/history").json()
    assert [(event["type"], event["version"]) for event in history] == [
        ("TicketCreated", 1),
        ("TicketTransitioned", 2),
        ("TicketTransitioned", 3),
        ("TicketTransitioned", 4),
        ("TicketTransitioned", 5),
    ]
    assert history[2]["changes"] == {
        "status": {"from": "OPEN", "to": "IN_PROGRESS"},
        "priority": {"from": "MEDIUM", "to": "HIGH"},
        "assignedToId": {"from": None, "to": me},
    }
    assert history[3]["comment"] == "done"
    assert [event["actor"]["role"] for event in history] == ["reporter", "agent", "agent", "agent", "reporter"]


def test_numbers_count_up_within_the_tenant(new_ticket: NewTicket) -> None:
    first, second = new_ticket(), new_ticket()
    assert second["number"] == first["number"] + 1


def test_text_in_any_script_comes_back_as_it_went(acme: Tenant, new_ticket: NewTicket) -> None:
    fields: dict[str, Any] = {
        "title": "  Дверь 🚪 ouvre «mal» עברית \u200d x ",
        "description": '{"a": "<script>"} {% $states.input %} \\ "quoted"\n\ttab',
        "tags": ["ü", "日本語"],
    }
    ticket = new_ticket(**fields)
    url = f"/v1/tickets/{ticket['id']}"
    acme.agent.post(f"{url}/transitions", json={"to": "OPEN"})
    moved = acme.agent.patch(url, json={"status": "RESOLVED", "resolution": "{% 1 %} ✓"}).json()
    assert moved["title"] == fields["title"].strip()
    assert moved["description"] == fields["description"]
    assert moved["tags"] == fields["tags"]
    assert moved["resolution"] == "{% 1 %} ✓"


def test_put_replaces_everything(acme: Tenant, new_ticket: NewTicket) -> None:
    ticket = new_ticket(by=acme.agent, tags=["vpn"], assignedToId=new_ticket(by=acme.admin)["reporterId"])
    body = {
        "title": "New title",
        "description": "New description",
        "status": "OPEN",
        "priority": "LOW",
        "type": "QUESTION",
        "reporterId": ticket["reporterId"],
    }
    replaced = acme.agent.put(f"/v1/tickets/{ticket['id']}", json=body, if_match='"1"')
    assert replaced.status_code == 200
    assert replaced.json() | body == replaced.json()
    assert (replaced.json()["assignedToId"], replaced.json()["tags"], replaced.json()["version"]) == (None, [], 2)


def test_status_and_fields_land_together_or_not_at_all(acme: Tenant, new_ticket: NewTicket) -> None:
    ticket = new_ticket()
    refused = acme.agent.patch(f"/v1/tickets/{ticket['id']}", json={"title": "Changed", "status": "RESOLVED"})
    assert (refused.status_code, refused.json()["code"]) == (409, "transition_not_allowed")
    assert refused.json()["details"] == ["OPEN", "CLOSED"]
    assert acme.agent.get(f"/v1/tickets/{ticket['id']}").json()["title"] == ticket["title"]


def test_an_idempotency_key_makes_one_ticket(acme: Tenant) -> None:
    key = {"Idempotency-Key": "order-66"}
    first = acme.reporter.post("/v1/tickets", json=TICKET, headers=key)
    again = acme.reporter.post("/v1/tickets", json=TICKET, headers=key)
    other = acme.reporter.post("/v1/tickets", json=TICKET | {"title": "Other"}, headers=key)
    somebody_else = acme.agent.post("/v1/tickets", json=TICKET, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert somebody_else.json()["id"] != first.json()["id"]


def test_conditional_requests(acme: Tenant, new_ticket: NewTicket) -> None:
    url = f"/v1/tickets/{new_ticket()['id']}"
    etag = acme.reporter.get(url).headers["ETag"]
    unchanged = acme.reporter.get(url, if_none_match=etag)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert acme.agent.patch(url, json={"title": "A"}, if_match=etag).status_code == 200
    for stale in (
        acme.agent.patch(url, json={"title": "B"}, if_match=etag),
        acme.agent.post(f"{url}/transitions", json={"to": "OPEN"}, if_match=etag),
        acme.admin.delete(url, if_match=etag),
    ):
        assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert acme.reporter.get(url, if_none_match=etag).json()["title"] == "A"


def test_the_trash(acme: Tenant, new_ticket: NewTicket) -> None:
    ticket = new_ticket(tags=["to-the-trash"])
    url = f"/v1/tickets/{ticket['id']}"
    assert acme.agent.delete(url).status_code == 403
    assert acme.admin.delete(url).status_code == 204
    gone = [
        acme.admin.get(url),
        acme.admin.get(f"{url}/history"),
        acme.admin.patch(url, json={"title": "x"}),
        acme.admin.post(f"{url}/transitions", json={"to": "OPEN"}),
        acme.admin.delete(url),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in gone} == {(404, "ticket_not_found")}
    assert acme.admin.get("/v1/tickets", params={"tag": "to-the-trash"}).json() == []

    assert acme.agent.post(f"{url}/restore").status_code == 403
    restored = acme.admin.post(f"{url}/restore")
    assert (restored.status_code, restored.json()["version"]) == (200, 3)
    assert acme.admin.post(f"{url}/restore").json()["version"] == 3
    assert [each["id"] for each in acme.admin.get("/v1/tickets", params={"tag": "to-the-trash"}).json()] == [
        ticket["id"]
    ]


def test_paging_meets_every_ticket_once(acme: Tenant, new_ticket: NewTicket) -> None:
    wanted = [new_ticket(tags=["paging"])["id"] for _ in range(9)]
    for limit in (1, 4, 100):
        seen = [ticket["id"] for ticket in _all_pages(acme.agent, {"tag": "paging", "limit": str(limit)})]
        assert seen == wanted[::-1]


def _all_pages(client: Client, query: dict[str, str]) -> list[dict[str, Any]]:
    return [ticket for page in client.pages("/v1/tickets", **query) for ticket in page]


def test_filters(acme: Tenant, new_ticket: NewTicket) -> None:
    me = new_ticket(by=acme.agent)["reporterId"]
    mine = new_ticket(by=acme.agent, assignedToId=me, tags=["filters"], priority="CRITICAL", type="QUESTION")["id"]
    nobodys = new_ticket(by=acme.agent, tags=["filters"], status="OPEN")["id"]
    reporters = new_ticket(tags=["filters"])["id"]

    def listed(**query: str) -> list[str]:
        return [ticket["id"] for ticket in acme.agent.get("/v1/tickets", params={"tag": "filters", **query}).json()]

    assert listed() == [reporters, nobodys, mine]
    assert listed(assignedToId="me") == listed(assignedToId=me) == [mine]
    assert listed(assignedToId="none") == [reporters, nobodys]
    assert listed(reporterId="me") == [nobodys, mine]
    assert listed(reporterId="me", assignedToId="none") == [nobodys]
    assert listed(status="OPEN") == [nobodys]
    assert listed(status="NEW", priority="CRITICAL") == [mine]
    assert listed(type="QUESTION") == [mine]
    assert [ticket["id"] for ticket in acme.reporter.get("/v1/tickets", params={"tag": "filters"}).json()] == [
        reporters
    ]
    assert acme.reporter.get("/v1/tickets", params={"reporterId": me}).json() == []


def test_several_values_numbers_and_times(acme: Tenant, new_ticket: NewTicket) -> None:
    tickets = [new_ticket(tags=["several"], status=status) for status in ("NEW", "OPEN", "NEW", "OPEN")]
    first, second, third, fourth = (ticket["id"] for ticket in tickets)
    acme.agent.patch(f"/v1/tickets/{second}", json={"title": "Touched"})
    acme.admin.delete(f"/v1/tickets/{third}")

    def listed(client: Client = acme.agent, **query: str) -> list[str]:
        return [ticket["id"] for ticket in _all_pages(client, {"tag": "several", "limit": "1", **query})]

    assert listed(status="NEW,OPEN") == [second, fourth, first]
    assert listed(status="NEW,OPEN", sort="updatedAt") == [first, fourth, second]
    for client in (acme.agent, acme.reporter):
        assert listed(client, sort="number") == [first, second, fourth]
        assert listed(client, sort="-number", status="OPEN,CLOSED") == [fourth, second]
        assert listed(client, number=str(tickets[3]["number"])) == [fourth]
    assert listed(number=str(tickets[2]["number"])) == []
    assert listed(updatedSince=tickets[3]["updatedAt"]) == [second, fourth]
    assert listed(updatedSince=tickets[3]["updatedAt"], sort="number", priority="MEDIUM,LOW") == [second, fourth]
    repeated = acme.agent.get("/v1/tickets?tag=several&status=NEW&status=OPEN&limit=2")
    assert [ticket["id"] for ticket in repeated.json()] == [second, fourth]
    assert [ticket["id"] for ticket in acme.agent.get(repeated.links["next"]["url"]).json()] == [first]
    refused = acme.agent.get("/v1/tickets?status=NEW,OPEN,IN_PROGRESS,RESOLVED,CLOSED,NEW")
    assert (refused.status_code, refused.json()["details"]) == (400, ["status: takes at most 5 values"])


def test_the_last_change_comes_first(acme: Tenant, new_ticket: NewTicket) -> None:
    older, newer = new_ticket()["id"], new_ticket()["id"]
    acme.agent.patch(f"/v1/tickets/{older}", json={"title": "Touched"})
    assert [each["id"] for each in acme.agent.get("/v1/tickets", params={"limit": "2"}).json()] == [older, newer]


def test_history_pages(acme: Tenant, new_ticket: NewTicket) -> None:
    url = f"/v1/tickets/{new_ticket()['id']}"
    for n in range(4):
        acme.reporter.patch(url, json={"title": f"Title {n}"})
    pages = acme.reporter.pages(f"{url}/history", limit=2)
    assert [[event["version"] for event in page] for page in pages] == [[1, 2], [3, 4], [5]]
