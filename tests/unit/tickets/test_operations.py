"""Every operation through its own function, with API Gateway's events, against the tickets table on moto."""

import base64
import dataclasses
import json
from datetime import timedelta
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from functions.tickets import (
    create_ticket,
    delete_ticket,
    get_ticket,
    list_ticket_history,
    list_tickets,
    replace_ticket,
    restore_ticket,
    transition_ticket,
    update_ticket,
)
from tests.unit.conftest import Clock, Items
from tests.unit.support import (
    ADMIN,
    ADMIN_ID,
    AGENT,
    AGENT_ID,
    MOMENT,
    MOMENT_TEXT,
    NEWCOMER,
    OTHER_ID,
    OTHER_REPORTER,
    REPORTER,
    REPORTER_ID,
    REQUEST_ID,
    STRANGER,
    TICKET_ID,
    Answer,
    Handler,
    StubbedLifecycle,
    a_ticket,
    api_event,
    cancelled,
    send,
    stored,
)
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.ids import derived_id
from ticketing.tickets.kinds import Priority
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Ticket
from ticketing.tickets.repository import TicketRepository

pytestmark = pytest.mark.usefixtures("dynamodb", "people", "time")

TICKETS = "/v1/tickets"
TICKET = f"{TICKETS}/{TICKET_ID}"
NEW = {"title": "VPN drops", "description": "Every ten minutes."}
WHOLE = NEW | {"status": "NEW", "priority": "MEDIUM", "type": "INCIDENT", "reporterId": REPORTER_ID}


def create(body: Any = NEW, *, caller: Caller | None = REPORTER, **event: Any) -> Answer:
    return send(create_ticket.handler, api_event("POST", TICKETS, caller=caller, body=body, **event))


def listed(query: str = "", *, caller: Caller | None = AGENT, **event: Any) -> Answer:
    return send(list_tickets.handler, api_event("GET", TICKETS + query, caller=caller, **event))


def get(*, caller: Caller | None = AGENT, path: str = TICKET, **event: Any) -> Answer:
    return send(get_ticket.handler, api_event("GET", path, caller=caller, **event))


def replace(body: Any = WHOLE, *, caller: Caller | None = AGENT, path: str = TICKET, **event: Any) -> Answer:
    return send(replace_ticket.handler, api_event("PUT", path, caller=caller, body=body, **event))


def update(body: Any, *, caller: Caller | None = AGENT, path: str = TICKET, **event: Any) -> Answer:
    return send(update_ticket.handler, api_event("PATCH", path, caller=caller, body=body, **event))


def delete(*, caller: Caller | None = ADMIN, path: str = TICKET, **event: Any) -> Answer:
    return send(delete_ticket.handler, api_event("DELETE", path, caller=caller, **event))


def restore(*, caller: Caller | None = ADMIN, path: str = TICKET, **event: Any) -> Answer:
    return send(restore_ticket.handler, api_event("POST", f"{path}/restore", caller=caller, **event))


def transition(body: Any, *, caller: Caller | None = AGENT, path: str = TICKET, **event: Any) -> Answer:
    return send(transition_ticket.handler, api_event("POST", f"{path}/transitions", caller=caller, body=body, **event))


def history(query: str = "", *, caller: Caller | None = AGENT, path: str = TICKET, **event: Any) -> Answer:
    return send(list_ticket_history.handler, api_event("GET", f"{path}/history{query}", caller=caller, **event))


@pytest.fixture
def ticket(dynamodb: DynamoDBClient) -> Ticket:
    """A ticket that REPORTER reported."""
    return stored(dynamodb, a_ticket())


# --- every operation -------------------------------------------------------------------------------------------------

# operation: the function, and a request that would succeed
EVENTS: dict[str, tuple[Handler, str, str, Any]] = {
    "create": (create_ticket.handler, "POST", TICKETS, NEW),
    "list": (list_tickets.handler, "GET", TICKETS, None),
    "get": (get_ticket.handler, "GET", TICKET, None),
    "replace": (replace_ticket.handler, "PUT", TICKET, WHOLE),
    "update": (update_ticket.handler, "PATCH", TICKET, {"title": "New"}),
    "delete": (delete_ticket.handler, "DELETE", TICKET, None),
    "restore": (restore_ticket.handler, "POST", f"{TICKET}/restore", None),
    "transition": (transition_ticket.handler, "POST", f"{TICKET}/transitions", {"to": "OPEN"}),
    "history": (list_ticket_history.handler, "GET", f"{TICKET}/history", None),
}
OF_A_TICKET = ["get", "replace", "update", "delete", "restore", "history"]  # transition asks the state machine
WITH_BODY = ["create", "replace", "update", "transition"]
WITH_IF_MATCH = ["replace", "update", "delete", "restore", "transition"]


def ask(operation: str, *, caller: Caller | None = ADMIN, path: str | None = None, **event: Any) -> Answer:
    handler, method, usual, body = EVENTS[operation]
    return send(handler, api_event(method, path or usual, caller=caller, **({"body": body} | event)))


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize("operation", EVENTS)
def test_without_a_verified_caller_all_is_401(items: Items, operation: str) -> None:
    before = items()
    assert ask(operation, caller=None).error == (401, "unauthorized")
    assert items() == before


@pytest.mark.parametrize(
    "authorizer",
    [
        pytest.param(None, id="null, as sam local sends without an authorizer"),
        pytest.param({}, id="empty"),
        pytest.param({"userId": AGENT_ID, "tenantId": "acme"}, id="no role"),
        pytest.param({"userId": AGENT_ID, "role": "agent"}, id="no tenant"),
        pytest.param({"tenantId": "acme", "role": "agent"}, id="no user"),
        pytest.param({"userId": AGENT_ID, "tenantId": "acme", "role": "root"}, id="an unknown role"),
        pytest.param({"userId": AGENT_ID, "tenantId": "acme", "role": "newcomer"}, id="a newcomer with a tenant"),
        pytest.param({"userId": AGENT_ID, "tenantId": "acme#TICKET", "role": "agent"}, id="a tenant that is no id"),
    ],
)
def test_an_incomplete_caller_is_401(authorizer: dict[str, str] | None) -> None:
    event = api_event("GET", TICKETS)
    event["requestContext"]["authorizer"] = authorizer
    assert send(list_tickets.handler, event).error == (401, "unauthorized")


def test_an_error_has_one_shape() -> None:
    answer = get(path=f"{TICKETS}/nonsense")
    assert answer.json == {"code": "ticket_not_found", "message": "There is no such ticket.", "requestId": REQUEST_ID}
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize("operation", OF_A_TICKET)
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(f"{TICKETS}/019c1f0e-7a3b-7c41-9d2e-000000000000", id="unknown"),
        pytest.param(f"{TICKETS}/1", id="a number"),
        pytest.param(f"{TICKETS}/{TICKET_ID}0", id="one digit more"),
        pytest.param(f"{TICKETS}/{TICKET_ID.replace('-', '')}", id="no hyphens"),
        pytest.param(f"{TICKETS}/%00", id="NUL"),
        pytest.param(f"{TICKETS}/x#TICKET", id="a key's separator"),
    ],
)
def test_what_names_no_ticket_is_404(items: Items, operation: str, path: str) -> None:
    before = items()
    assert ask(operation, path=path).error == (404, "ticket_not_found")
    assert items() == before


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize("operation", OF_A_TICKET)
def test_another_tenants_ticket_is_404(items: Items, operation: str) -> None:
    before = items()
    answer = ask(operation, caller=STRANGER)
    assert answer.error == (404, "ticket_not_found")
    assert "acme" not in answer.text
    assert items() == before


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize("operation", ["get", "replace", "update", "history"])
def test_another_reporters_ticket_is_404_not_403(items: Items, operation: str) -> None:
    before = items()
    body = {"priority": "HIGH"} if operation == "update" else EVENTS[operation][3]
    assert ask(operation, caller=OTHER_REPORTER, body=body).error == (404, "ticket_not_found")
    assert items() == before


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize("operation", ["get", "replace", "update", "delete", "history"])
def test_a_ticket_in_the_trash_is_404(operation: str) -> None:
    assert delete().status == 204
    assert ask(operation).error == (404, "ticket_not_found")


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize("operation", ["delete", "restore"])
@pytest.mark.parametrize("caller", [REPORTER, OTHER_REPORTER, AGENT], ids=["reporter", "other reporter", "agent"])
@pytest.mark.parametrize("path", [TICKET, f"{TICKETS}/{OTHER_ID}"], ids=["there", "not there"])
def test_the_trash_is_for_admins_whether_the_ticket_is_there_or_not(
    items: Items, operation: str, caller: Caller, path: str
) -> None:
    before = items()
    assert ask(operation, caller=caller, path=path).error == (403, "forbidden")
    assert items() == before


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize("operation", EVENTS)
def test_the_backends_own_role_is_nobodys_who_calls(items: Items, operation: str) -> None:
    before = items()
    answer = ask(operation, caller=Caller(AGENT_ID, "acme", Role.SYSTEM))
    assert answer.error == (401, "unauthorized")
    assert items() == before


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize("operation", EVENTS)
def test_a_newcomer_has_no_tickets(items: Items, operation: str) -> None:
    before = items()
    assert ask(operation, caller=NEWCOMER).error == (403, "forbidden")
    assert items() == before


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize("operation", [name for name in EVENTS if name != "transition"])
def test_an_api_key_does_what_its_role_may(operation: str) -> None:
    key = dataclasses.replace(ADMIN, is_api_key=True)
    assert ask(operation, caller=key).status in {200, 201, 204}


# --- bodies ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize("operation", WITH_BODY)
@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/problem+json", "application/jsonx", "json", ""],
)
def test_a_body_that_is_not_declared_as_json_is_415(items: Items, operation: str, content_type: str) -> None:
    before = items()
    assert ask(operation, headers={"Content-Type": content_type}).error == (415, "unsupported_media_type")
    assert items() == before


@pytest.mark.parametrize("operation", WITH_BODY)
def test_a_body_without_a_type_is_415(operation: str) -> None:
    handler, method, path, body = EVENTS[operation]
    event = api_event(method, path, caller=ADMIN, body=body)
    del event["headers"]["Content-Type"]
    assert send(handler, event).error == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", " application/json ;x=y"]
)
def test_jsons_type_is_read_as_http_says(content_type: str) -> None:
    assert create(headers={"Content-Type": content_type}).status == 201


def test_a_headers_name_is_read_in_any_case() -> None:
    event = api_event("POST", TICKETS, caller=REPORTER, body=NEW)
    event["headers"] = {"CONTENT-TYPE": "application/json", "idempotency-KEY": "k"}
    event["multiValueHeaders"] = None
    first, second = send(create_ticket.handler, event), send(create_ticket.handler, event)
    assert first.json["id"] == second.json["id"]


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize("operation", WITH_BODY)
@pytest.mark.parametrize(
    "body",
    ["", "{", "null", "[]", '{"title": "\\ud800"}', '{"title": "\ud800"}', '{"title": "a\\u0000"}', '{"x": 1}'],
    ids=["empty", "cut off", "null", "list", "escaped surrogate", "raw surrogate", "NUL", "unknown field"],
)
def test_a_bad_body_is_400_and_changes_nothing(items: Items, operation: str, body: str) -> None:
    before = items()
    answer = ask(operation, body=body, headers={"Content-Type": "application/json"})
    assert answer.error == (400, "bad_request")
    assert answer.details
    assert all(isinstance(detail, str) for detail in answer.details)
    assert items() == before


def sized(size: int) -> str:
    """Return a body of this many bytes that is fine but for a description that is too long."""
    frame = json.dumps(NEW | {"description": ""})
    return json.dumps(NEW | {"description": "x" * (size - len(frame))})


@pytest.mark.parametrize("encoded", [False, True], ids=["plain", "base64"])
@pytest.mark.parametrize(
    ("size", "error"),
    [(256 * 1024, (400, "bad_request")), (256 * 1024 + 1, (413, "payload_too_large"))],
    ids=["256 KiB exactly", "one byte more"],
)
def test_the_bodys_limit(size: int, error: tuple[int, str], encoded: bool) -> None:  # noqa: FBT001
    body = sized(size)
    assert len(body) == size
    if encoded:
        body = base64.b64encode(body.encode()).decode()
    assert create(body, isBase64Encoded=encoded).error == error


def test_the_limit_counts_bytes_not_characters() -> None:
    body = json.dumps(NEW | {"description": "é" * (128 * 1024)}, ensure_ascii=False)
    assert create(body).error == (413, "payload_too_large")


def test_a_body_in_base64_is_decoded() -> None:
    body = base64.b64encode(json.dumps(NEW | {"title": "Füße 🎫"}, ensure_ascii=False).encode()).decode()
    assert create(body, isBase64Encoded=True).json["title"] == "Füße 🎫"


def test_thousands_of_mistakes_still_make_an_answer() -> None:
    body = "{" + ",".join(f'"{i}":1' for i in range(20_000)) + "}"
    answer = create(body)
    assert answer.error == (400, "bad_request")
    assert len(answer.text) < 6 * 1024 * 1024 / 2  # what Lambda may answer is 6 MB


# --- create ----------------------------------------------------------------------------------------------------------


def test_a_created_ticket_is_answered_whole(acme: TicketRepository) -> None:
    answer = create(NEW | {"tags": [" vpn "]})
    ticket_id = answer.json["id"]
    assert answer.status == 201
    assert answer.json == {
        "id": ticket_id,
        "number": 1,
        "title": "VPN drops",
        "description": "Every ten minutes.",
        "status": "NEW",
        "priority": "MEDIUM",
        "type": "INCIDENT",
        "reporterId": REPORTER_ID,
        "assignedToId": None,
        "tags": ["vpn"],
        "resolution": None,
        "version": 1,
        "createdAt": MOMENT_TEXT,
        "updatedAt": MOMENT_TEXT,
        "firstRespondedAt": None,
        "allowedTransitions": ["CLOSED"],
    }
    assert answer.headers == {
        "Cache-Control": "private, no-cache",
        "Content-Type": "application/json",
        "ETag": '"1"',
        "Location": f"/v1/tickets/{ticket_id}",
        "Vary": "Origin",
    }
    read = acme.get(ticket_id)
    assert read is not None
    assert (read.tenant_id, read.request_hash) == ("acme", None)


def test_a_new_tickets_event_tells_all_that_it_was_made_with() -> None:
    made = create(NEW | {"assignedToId": ADMIN_ID, "tags": ["vpn"], "status": "OPEN"}, caller=AGENT).json
    (event,) = history(path=f"{TICKETS}/{made['id']}").json
    assert event == {
        "id": event["id"],
        "type": "TicketCreated",
        "schemaVersion": 2,
        "tenantId": "acme",
        "ticketId": made["id"],
        "version": 1,
        "occurredAt": MOMENT_TEXT,
        "actor": {"id": AGENT_ID, "role": "agent"},
        "changes": {
            "title": {"from": None, "to": "VPN drops"},
            "description": {"from": None, "to": "Every ten minutes."},
            "status": {"from": None, "to": "OPEN"},
            "priority": {"from": None, "to": "MEDIUM"},
            "type": {"from": None, "to": "INCIDENT"},
            "reporterId": {"from": None, "to": AGENT_ID},
            "assignedToId": {"from": None, "to": ADMIN_ID},
            "tags": {"from": None, "to": ["vpn"]},
        },
        "comment": None,
        "commentId": None,
        "attachmentId": None,
        "visibility": None,
        "mentions": None,
    }


@pytest.mark.parametrize(
    ("caller", "fields", "status"),
    [
        pytest.param(REPORTER, {"priority": "CRITICAL", "type": "QUESTION"}, 201, id="reporter sets priority and type"),
        pytest.param(REPORTER, {"status": "OPEN"}, 201, id="reporter starts at OPEN"),
        pytest.param(REPORTER, {"reporterId": REPORTER_ID.upper()}, 201, id="reporter names oneself"),
        pytest.param(REPORTER, {"assignedToId": None}, 201, id="reporter assigns nobody"),
        pytest.param(REPORTER, {"reporterId": OTHER_ID}, 403, id="reporter names another"),
        pytest.param(REPORTER, {"assignedToId": REPORTER_ID}, 403, id="reporter assigns"),
        pytest.param(AGENT, {"reporterId": OTHER_ID, "assignedToId": AGENT_ID}, 201, id="agent names and assigns"),
        pytest.param(ADMIN, {"reporterId": OTHER_ID, "assignedToId": AGENT_ID}, 201, id="admin names and assigns"),
    ],
)
def test_who_may_create_what(items: Items, caller: Caller, fields: dict[str, Any], status: int) -> None:
    answer = create(NEW | fields, caller=caller)
    assert answer.status == status
    if status == 403:
        assert (answer.error, answer.details) == ((403, "forbidden"), sorted(fields))
        assert items() == []


def test_tickets_are_numbered_one_after_the_other() -> None:
    assert [create().json["number"] for _ in range(3)] == [1, 2, 3]


def test_a_repeat_with_the_same_key_makes_nothing_new(time: Clock) -> None:
    first = create(headers={"Idempotency-Key": "key-1"})
    time.forward(hours=5)
    repeat = create(NEW | {"title": "  VPN drops  "}, headers={"Idempotency-Key": "key-1"})
    assert (repeat.status, repeat.json, repeat.headers) == (201, first.json, first.headers)
    assert len(listed().json) == 1
    assert len(history(path=f"{TICKETS}/{first.json['id']}").json) == 1


def test_a_repeat_answers_the_ticket_as_it_is_now() -> None:
    made = create(headers={"Idempotency-Key": "key-1"}).json
    update({"priority": "HIGH"}, path=f"{TICKETS}/{made['id']}")
    repeat = create(headers={"Idempotency-Key": "key-1"})
    assert (repeat.status, repeat.json["priority"], repeat.headers["ETag"]) == (201, "HIGH", '"2"')


def test_a_key_with_another_body_is_422() -> None:
    made = create(headers={"Idempotency-Key": "key-1"}).json
    answer = create(NEW | {"title": "Another"}, headers={"Idempotency-Key": "key-1"})
    assert answer.error == (422, "idempotency_key_reused")
    assert [ticket["id"] for ticket in listed().json] == [made["id"]]


def test_a_key_whose_ticket_is_in_the_trash_is_409() -> None:
    made = create(headers={"Idempotency-Key": "key-1"}).json
    delete(path=f"{TICKETS}/{made['id']}")
    assert create(headers={"Idempotency-Key": "key-1"}).error == (409, "conflict")


@pytest.mark.parametrize(
    "other",
    [OTHER_REPORTER, Caller(REPORTER_ID, "globex", Role.REPORTER)],
    ids=["another user", "the same user id in another tenant"],
)
def test_a_key_belongs_to_its_caller(other: Caller) -> None:
    one = create(headers={"Idempotency-Key": "key-1"})
    two = create(NEW | {"title": "Theirs"}, caller=other, headers={"Idempotency-Key": "key-1"})
    assert (one.status, two.status) == (201, 201)
    assert one.json["id"] != two.json["id"]


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "x" * 256, "a\tb", "a\x00"])
def test_a_key_that_is_none_is_400(items: Items, key: str) -> None:
    answer = create(headers={"Idempotency-Key": key})
    assert answer.error == (400, "bad_request")
    assert answer.details == ["Idempotency-Key: takes 1 to 255 visible ASCII characters, no spaces"]
    assert items() == []


@pytest.mark.parametrize("key", ["x" * 255, "!", "~", "0f0e9d3c-7c5b-4d0c-8a3f-1f2e3d4c5b6a"])
def test_any_visible_text_is_a_key(key: str) -> None:
    assert create(headers={"Idempotency-Key": key}).status == 201


def test_two_creations_with_one_key_at_once_are_one_ticket(dynamodb: DynamoDBClient) -> None:
    # DynamoDB cancels the transaction that meets another one on the same item; the second try finds the ticket.
    headers = {"Idempotency-Key": "key-1"}
    made = create(headers=headers).json
    conflicts = iter([True])

    def conflict(**_kwargs: Any) -> None:
        if next(conflicts, False):
            raise cancelled(dynamodb, "TransactionConflict", "None")

    dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", conflict)
    repeat = create(headers=headers)
    assert (repeat.status, repeat.json) == (201, made)


# --- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "prefix"),
    [
        pytest.param("tickets.example.com", "", id="a custom domain"),
        pytest.param("localhost", "", id="locally"),
        pytest.param("abc123.execute-api.us-east-1.amazonaws.com", "/api", id="API Gateway's own domain"),
        pytest.param("amazonaws.com.example.com", "", id="a domain that only begins like it"),
    ],
)
def test_links_lead_back_by_the_way_the_caller_came(domain: str, prefix: str) -> None:
    made = create(domain=domain)
    create(domain=domain)
    assert made.headers["Location"] == f"{prefix}/v1/tickets/{made.json['id']}"
    page = listed("?limit=1&tag=", domain=domain)
    assert page.status == 400
    page = listed("?status=NEW&limit=1", domain=domain)
    assert page.headers["Link"].startswith(f"<{prefix}/v1/tickets?status=NEW&limit=1&cursor=")
    assert page.headers["Link"].endswith('>; rel="next"')
    path = f"{TICKETS}/{made.json['id']}"
    update({"title": "New"}, path=path)
    first = history("?limit=1", path=path, domain=domain)
    assert first.headers["Link"].startswith(f"<{prefix}{path}/history?limit=1&cursor=")


def test_an_event_without_a_domain_is_answered_too() -> None:
    event = api_event("POST", TICKETS, caller=REPORTER, body=NEW)
    del event["requestContext"]["domainName"]
    assert send(create_ticket.handler, event).headers["Location"].startswith("/v1/tickets/")


# --- cross-origin ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize(
    ("configured", "origin", "expected"),
    [
        pytest.param("*", "https://a.example", {"Access-Control-Allow-Origin": "*"}, id="star"),
        pytest.param("*", None, {"Access-Control-Allow-Origin": "*"}, id="star, no origin"),
        pytest.param(
            "https://a.example, https://b.example",
            "https://b.example",
            {"Access-Control-Allow-Origin": "https://b.example", "Vary": "Origin"},
            id="listed",
        ),
        pytest.param("https://a.example", "https://evil.example", {"Vary": "Origin"}, id="unlisted"),
        pytest.param("https://a.example", None, {"Vary": "Origin"}, id="no origin"),
        pytest.param("", "https://a.example", {"Vary": "Origin"}, id="none configured"),
    ],
)
@pytest.mark.parametrize("status", [200, 404])
def test_which_pages_may_read_an_answer(
    monkeypatch: pytest.MonkeyPatch,
    configured: str,
    origin: str | None,
    expected: dict[str, str],
    status: int,
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", configured)
    headers = {} if origin is None else {"oRiGiN": origin}
    answer = get(headers=headers, path=TICKET if status == 200 else f"{TICKETS}/1")
    assert answer.status == status
    exposed = {"Access-Control-Expose-Headers": "ETag, Link, Location, Retry-After"}
    allowed = exposed if "Access-Control-Allow-Origin" in expected else {}
    cors = {name: value for name, value in answer.headers.items() if name.startswith("Access-") or name == "Vary"}
    assert cors == expected | allowed


# --- get -------------------------------------------------------------------------------------------------------------


def test_a_ticket_is_answered_with_its_etag(dynamodb: DynamoDBClient) -> None:
    stored(dynamodb, a_ticket(version=7))
    answer = get()
    assert (answer.status, answer.headers["ETag"], answer.json["version"]) == (200, '"7"', 7)
    assert set(answer.json).isdisjoint({"tenantId", "closedAt", "deletedAt", "requestHash", "PK", "listKey"})


@pytest.mark.usefixtures("ticket")
def test_an_id_is_found_in_upper_case_too() -> None:
    assert get(path=f"{TICKETS}/{TICKET_ID.upper()}").json["id"] == TICKET_ID


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        ('"7"', 304),
        ('W/"7"', 304),
        ("*", 304),
        ('"6", "7"', 304),
        (' "x" ,W/"7"', 304),
        ('"6"', 200),
        ('"07"', 200),
        ("7", 200),
        ('"7', 200),
        ('"77"', 200),
        ("", 200),
        (",", 200),
    ],
)
def test_if_none_match(dynamodb: DynamoDBClient, tag: str, status: int) -> None:
    stored(dynamodb, a_ticket(version=7))
    answer = get(headers={"If-None-Match": tag})
    assert (answer.status, answer.headers["ETag"]) == (status, '"7"')
    if status == 304:
        assert answer.text == ""
        assert "Content-Type" not in answer.headers


@pytest.mark.parametrize(
    ("caller", "allowed"),
    [
        pytest.param(REPORTER, ["CLOSED"], id="its reporter"),
        pytest.param(AGENT, ["IN_PROGRESS", "RESOLVED", "CLOSED"], id="an agent"),
    ],
)
def test_the_moves_shown_are_the_callers(dynamodb: DynamoDBClient, caller: Caller, allowed: list[str]) -> None:
    stored(dynamodb, a_ticket(status=Status.OPEN))
    assert get(caller=caller).json["allowedTransitions"] == allowed
    assert listed(caller=caller).json[0]["allowedTransitions"] == allowed


@pytest.mark.parametrize(("days", "allowed"), [(30, ["OPEN"]), (31, [])])
def test_a_ticket_closed_for_long_has_no_moves(
    dynamodb: DynamoDBClient, time: Clock, days: int, allowed: list[str]
) -> None:
    stored(dynamodb, a_ticket(status=Status.CLOSED, closed_at=MOMENT_TEXT))
    time.forward(days=days)
    assert get().json["allowedTransitions"] == allowed


# --- list ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def five(dynamodb: DynamoDBClient) -> None:
    """Numbers 1 to 3 reported by REPORTER, 4 and 5 by OTHER_REPORTER; 2 and 5 assigned to AGENT."""
    for number in range(1, 6):
        stored(
            dynamodb,
            a_ticket(
                id=derived_id(str(number)),
                number=number,
                reporter_id=REPORTER_ID if number < 4 else OTHER_ID,
                assigned_to_id=AGENT_ID if number in {2, 5} else None,
                priority=Priority.HIGH if number % 2 else Priority.LOW,
                updated_at=f"2026-02-02T08:15:0{number}.000Z",
            ),
        )


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(
    ("caller", "query", "found"),
    [
        pytest.param(AGENT, "", [5, 4, 3, 2, 1], id="agent: all"),
        pytest.param(AGENT, "?assignedToId=me", [5, 2], id="agent: assigned to me"),
        pytest.param(AGENT, "?assignedToId=none", [4, 3, 1], id="agent: assigned to nobody"),
        pytest.param(AGENT, f"?reporterId={OTHER_ID.upper()}", [5, 4], id="agent: another's"),
        pytest.param(AGENT, "?reporterId=me", [], id="agent: reported by me"),
        pytest.param(AGENT, "?assignedToId=me&reporterId=" + REPORTER_ID, [2], id="agent: two filters"),
        pytest.param(AGENT, "?priority=HIGH&status=NEW", [5, 3, 1], id="agent: priority and status"),
        pytest.param(REPORTER, "", [3, 2, 1], id="reporter: own"),
        pytest.param(REPORTER, "?reporterId=me", [3, 2, 1], id="reporter: reported by me"),
        pytest.param(REPORTER, f"?reporterId={REPORTER_ID}", [3, 2, 1], id="reporter: by my id"),
        pytest.param(REPORTER, f"?reporterId={OTHER_ID}", [], id="reporter: another's"),
        pytest.param(REPORTER, f"?assignedToId={AGENT_ID}", [2], id="reporter: own by assignee"),
        pytest.param(REPORTER, "?assignedToId=none&priority=HIGH", [3, 1], id="reporter: own by two filters"),
        pytest.param(OTHER_REPORTER, "?status=NEW", [5, 4], id="other reporter: own"),
        pytest.param(STRANGER, "", [], id="another tenant's admin: nothing"),
        pytest.param(STRANGER, f"?reporterId={REPORTER_ID}", [], id="another tenant's admin: nothing by reporter"),
    ],
)
def test_who_lists_what(caller: Caller, query: str, found: list[int]) -> None:
    answer = listed(query, caller=caller)
    assert (answer.status, [ticket["number"] for ticket in answer.json]) == (200, found)
    assert "ETag" not in answer.headers


@pytest.mark.usefixtures("five")
def test_links_lead_through_all_pages() -> None:
    found, address = [], "?limit=2&status=NEW"
    while True:
        page = listed(address)
        found.append([ticket["number"] for ticket in page.json])
        if page.next is None:
            break
        address = page.next.removeprefix(TICKETS)
    assert found == [[5, 4], [3, 2], [1]]


def test_a_page_is_25_if_not_said(dynamodb: DynamoDBClient) -> None:
    for number in range(27):
        stored(dynamodb, a_ticket(id=derived_id(str(number)), number=number))
    assert (len(listed().json), len(listed("?limit=100").json), len(listed("?limit=1").json)) == (25, 27, 1)


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize("read", [listed, history], ids=["list", "history"])
@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
        ("?limit=abc", "limit"),
        ("?limit=", "limit"),
        ("?limit=-5", "limit"),
        ("?page=2", "page"),
        ("?limit=5&limit=6", "limit"),
        ("?cursor=a&cursor=a", "cursor"),
        ("?cursor=", "cursor"),
        ("?cursor=AAAA", "cursor"),
        ("?cursor=%00", "cursor"),
        ("?cursor=%F0%9F%8E%AB", "cursor"),
    ],
)
def test_a_bad_query_is_400(read: Any, query: str, where: str) -> None:
    answer = read(query)
    assert answer.error == (400, "bad_request")
    assert [detail.partition(":")[0] for detail in answer.details] == [where]


@pytest.mark.parametrize(
    "query",
    [
        "?status=DONE",
        "?priority=high",
        "?type=x",
        "?assignedToId=you",
        "?reporterId=none",
        "?tag=",
        "?tag=%00",
        "?Status=NEW",
    ],
)
def test_a_bad_filter_is_400(query: str) -> None:
    assert listed(query).error == (400, "bad_request")


@pytest.mark.usefixtures("five")
def test_a_cursor_serves_its_own_caller_and_query_only() -> None:
    address = listed("?limit=1").next
    assert address is not None
    cursor = address.partition("cursor=")[2]
    assert listed(f"?limit=3&cursor={cursor}").status == 200
    for answer in (
        listed(f"?cursor={cursor}", caller=STRANGER),
        listed(f"?cursor={cursor}", caller=REPORTER),
        listed(f"?status=NEW&cursor={cursor}"),
        listed(f"?cursor={cursor[:-1]}"),
        listed(f"?cursor={cursor}A"),
    ):
        assert answer.error == (400, "bad_request")


# --- If-Match --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["replace", "update", "delete", "restore"])
@pytest.mark.parametrize("tag", ['"6"', '"8"', '"0"', '"07"', '"seven"', '""', '"99999999999999999999"'])
def test_if_match_of_another_version_is_412(dynamodb: DynamoDBClient, items: Items, operation: str, tag: str) -> None:
    stored(dynamodb, a_ticket(version=7))
    before = items()
    assert ask(operation, headers={"If-Match": tag}).error == (412, "precondition_failed")
    assert items() == before


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize("operation", WITH_IF_MATCH)
@pytest.mark.parametrize("tag", ["7", 'W/"7"', '"7', '"7", "8"', '"7""8"', "", " ", '"\x00"', '"a b"', "seven", "**"])
def test_an_if_match_that_is_none_is_400(items: Items, operation: str, tag: str) -> None:
    before = items()
    answer = ask(operation, headers={"If-Match": tag})
    assert answer.error == (400, "bad_request")
    assert answer.details == ['If-Match: for example "7", with the quotes']
    assert items() == before


@pytest.mark.parametrize("operation", ["replace", "update", "delete", "restore"])
@pytest.mark.parametrize("tag", ['"7"', "*", ' "7" ', None])
def test_if_match_of_the_version_passes(dynamodb: DynamoDBClient, operation: str, tag: str | None) -> None:
    stored(dynamodb, a_ticket(version=7))
    answer = ask(operation, headers={} if tag is None else {"if-match": tag})
    assert answer.status in {200, 204}


@pytest.mark.usefixtures("ticket")
def test_404_comes_before_412() -> None:
    assert update({"title": "x"}, caller=OTHER_REPORTER, headers={"If-Match": '"99"'}).status == 404


@pytest.mark.usefixtures("ticket")
def test_412_comes_before_403() -> None:
    assert update({"priority": "LOW"}, caller=REPORTER, headers={"If-Match": '"99"'}).status == 412


# --- update and replace ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ticket")
def test_an_update_changes_what_it_names(time: Clock) -> None:
    time.forward(minutes=1)
    answer = update({"priority": "HIGH", "assignedToId": AGENT_ID, "resolution": "Try again.", "tags": ["vpn"]})
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
    assert answer.json == get().json
    assert answer.json == {
        "id": TICKET_ID,
        "number": 1,
        "title": "VPN drops",
        "description": "Every ten minutes.",
        "status": "NEW",
        "priority": "HIGH",
        "type": "INCIDENT",
        "reporterId": REPORTER_ID,
        "assignedToId": AGENT_ID,
        "tags": ["vpn"],
        "resolution": "Try again.",
        "version": 2,
        "createdAt": MOMENT_TEXT,
        "updatedAt": "2026-02-02T08:16:04.120Z",
        "firstRespondedAt": None,
        "allowedTransitions": ["OPEN", "CLOSED"],
    }
    event = history().json[1]
    assert event["type"] == "TicketUpdated"
    assert event["changes"] == {
        "priority": {"from": "MEDIUM", "to": "HIGH"},
        "assignedToId": {"from": None, "to": AGENT_ID},
        "resolution": {"from": None, "to": "Try again."},
        "tags": {"from": [], "to": ["vpn"]},
    }


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"title": " VPN drops\n"}, id="the same title"),
        pytest.param({"status": "NEW"}, id="the same status"),
        pytest.param({"assignedToId": None, "resolution": None, "tags": []}, id="nothing where nothing is"),
        pytest.param({"reporterId": REPORTER_ID.upper()}, id="the same reporter"),
    ],
)
def test_what_is_the_same_already_is_no_change(items: Items, time: Clock, body: dict[str, Any]) -> None:
    before = items()
    time.forward(minutes=1)
    answer = update(body)
    assert (answer.status, answer.headers["ETag"], answer.json["updatedAt"]) == (200, '"1"', MOMENT_TEXT)
    assert replace().headers["ETag"] == '"1"'
    assert items() == before


def test_a_replacement_clears_what_it_leaves_out(dynamodb: DynamoDBClient) -> None:
    stored(dynamodb, a_ticket(assigned_to_id=AGENT_ID, tags=["vpn"], resolution="Done."))
    answer = replace()
    assert answer.status == 200
    assert (answer.json["assignedToId"], answer.json["tags"], answer.json["resolution"]) == (None, [], None)
    assert history().json[1]["changes"] == {
        "assignedToId": {"from": AGENT_ID, "to": None},
        "tags": {"from": ["vpn"], "to": []},
        "resolution": {"from": "Done.", "to": None},
    }


@pytest.mark.usefixtures("ticket")
def test_a_reporter_may_replace_what_a_reporter_may_change() -> None:
    answer = replace(WHOLE | {"title": "New", "tags": ["vpn"]}, caller=REPORTER)
    assert (answer.status, answer.json["title"], answer.json["tags"]) == (200, "New", ["vpn"])


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        pytest.param({"priority": "HIGH"}, ["priority"], id="priority"),
        pytest.param({"type": "QUESTION"}, ["type"], id="type"),
        pytest.param({"assignedToId": REPORTER_ID}, ["assignedToId"], id="assignee"),
        pytest.param({"reporterId": OTHER_ID}, ["reporterId"], id="reporter"),
        pytest.param({"resolution": "Done."}, ["resolution"], id="resolution"),
        pytest.param({"title": "New", "type": "QUESTION", "priority": "LOW"}, ["priority", "type"], id="some of three"),
    ],
)
def test_a_reporter_may_not_change_the_rest(items: Items, fields: dict[str, Any], refused: list[str]) -> None:
    before = items()
    for answer in (update(fields, caller=REPORTER), replace(WHOLE | fields, caller=REPORTER)):
        assert (answer.error, answer.details) == ((403, "forbidden"), refused)
    assert items() == before


@pytest.mark.parametrize(
    ("status", "expected"), [("NEW", 200), ("OPEN", 200), ("IN_PROGRESS", 200), ("RESOLVED", 403), ("CLOSED", 403)]
)
def test_a_reporter_may_change_the_text_until_it_is_resolved(
    dynamodb: DynamoDBClient, status: str, expected: int
) -> None:
    stored(dynamodb, a_ticket(status=Status(status)))
    assert update({"description": "More."}, caller=REPORTER).status == expected
    assert update({"description": "From an agent."}).status == 200


@pytest.mark.usefixtures("ticket")
def test_a_lost_race_is_decided_anew(dynamodb: DynamoDBClient) -> None:
    # Given somebody who writes between the first read and the first write
    others = iter([{"priority": "LOW"}])

    def interfere(**_kwargs: Any) -> None:
        body = next(others, None)
        if body:
            update(body, caller=ADMIN)

    dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", interfere)
    # When an agent changes the title
    answer = update({"title": "New"})
    # Then both changes hold, each with its event
    assert (answer.status, answer.json["version"]) == (200, 3)
    assert (answer.json["title"], answer.json["priority"]) == ("New", "LOW")
    assert [event["version"] for event in history().json] == [1, 2, 3]


@pytest.mark.parametrize("operation", ["replace", "update", "delete", "restore"])
def test_a_race_that_is_always_lost_is_409(dynamodb: DynamoDBClient, items: Items, operation: str) -> None:
    values = {"version": 2, "deleted_at": MOMENT_TEXT} if operation == "restore" else {}
    stored(dynamodb, a_ticket(title="Old", **values))
    before = items()
    tries = []

    def lose(**_kwargs: Any) -> None:
        tries.append(1)
        raise cancelled(dynamodb, "ConditionalCheckFailed", "None")

    dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", lose)
    assert ask(operation).error == (409, "conflict")
    assert len(tries) == 5
    assert items() == before


# --- the trash -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ticket")
def test_delete_and_restore(time: Clock) -> None:
    deleted = delete()
    assert (deleted.status, deleted.text) == (204, "")
    assert "Content-Type" not in deleted.headers
    assert delete().status == 404
    assert listed().json == []

    time.forward(days=2)
    restored = restore()
    assert (restored.status, restored.headers["ETag"]) == (200, '"3"')
    assert restored.json == get().json
    assert restored.json["updatedAt"] == "2026-02-04T08:15:04.120Z"
    assert [ticket["id"] for ticket in listed().json] == [TICKET_ID]
    assert [(event["type"], event["changes"]) for event in history().json] == [
        ("TicketCreated", {}),
        ("TicketDeleted", {"deletedAt": {"from": None, "to": MOMENT_TEXT}}),
        ("TicketRestored", {"deletedAt": {"from": MOMENT_TEXT, "to": None}}),
    ]


@pytest.mark.usefixtures("ticket")
def test_restoring_what_is_not_in_the_trash_changes_nothing(items: Items) -> None:
    before = items()
    answer = restore()
    assert (answer.status, answer.headers["ETag"]) == (200, '"1"')
    assert items() == before


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize(
    ("after", "status"),
    [(timedelta(days=30) - timedelta(milliseconds=1), 200), (timedelta(days=30), 404)],
    ids=["just in time", "after 30 days"],
)
def test_the_trash_is_emptied_after_30_days(time: Clock, after: timedelta, status: int) -> None:
    delete()
    time.set(MOMENT + after)
    assert restore().status == status


# --- transitions -----------------------------------------------------------------------------------------------------


def test_a_transition_is_the_state_machines(lifecycle: StubbedLifecycle) -> None:
    moved = a_ticket(status=Status.RESOLVED, resolution="Done.", version=5)
    lifecycle.decides("MOVED", moved)
    answer = transition({"to": "RESOLVED", "resolution": " Done. ", "comment": "At last."}, headers={"If-Match": '"4"'})
    assert (answer.status, answer.headers["ETag"]) == (200, '"5"')
    assert (answer.json["status"], answer.json["allowedTransitions"]) == ("RESOLVED", ["OPEN", "CLOSED"])
    assert lifecycle.inputs == [
        {
            "tenantId": "acme",
            "ticketId": TICKET_ID,
            "actor": {"id": AGENT_ID, "role": "agent"},
            "to": "RESOLVED",
            "fields": {"resolution": "Done."},
            "comment": "At last.",
            "expectedVersion": 4,
            "newComment": None,
        }
    ]


def test_a_transition_with_a_tag_of_no_version_expects_version_0(lifecycle: StubbedLifecycle) -> None:
    lifecycle.decides("VERSION_MISMATCH", a_ticket())
    assert transition({"to": "OPEN"}, headers={"If-Match": '"x"'}).error == (412, "precondition_failed")
    assert lifecycle.inputs[0]["expectedVersion"] == 0


@pytest.mark.parametrize(
    ("outcome", "rest", "error", "details"),
    [
        pytest.param(
            "TRANSITION_NOT_ALLOWED", {}, (409, "transition_not_allowed"), ["OPEN", "CLOSED"], id="not allowed"
        ),
        pytest.param("FORBIDDEN", {}, (403, "forbidden"), None, id="forbidden"),
        pytest.param("CONFLICT", {}, (409, "conflict"), None, id="conflict"),
        pytest.param(
            "REQUIREMENT_MISSING",
            {"missing": "assignedToId"},
            (422, "transition_requirement_missing"),
            ["assignedToId"],
            id="an assignee is missing",
        ),
        pytest.param(
            "REQUIREMENT_MISSING",
            {"missing": "resolution"},
            (422, "transition_requirement_missing"),
            ["resolution"],
            id="a resolution is missing",
        ),
    ],
)
@pytest.mark.parametrize("through", ["transition", "update"])
def test_a_refusal_is_answered_with_its_reason(
    *,
    ticket: Ticket,
    lifecycle: StubbedLifecycle,
    through: str,
    outcome: str,
    rest: dict[str, str],
    error: tuple[int, str],
    details: list[str] | None,
) -> None:
    lifecycle.decides(outcome, ticket, **rest)
    answer = transition({"to": "IN_PROGRESS"}) if through == "transition" else update({"status": "IN_PROGRESS"})
    assert answer.error == error
    assert answer.json.get("details") == details


def test_a_ticket_that_the_state_machine_does_not_find_is_404(lifecycle: StubbedLifecycle) -> None:
    lifecycle.decides("TICKET_NOT_FOUND")
    assert transition({"to": "OPEN"}).error == (404, "ticket_not_found")


@pytest.mark.usefixtures("ticket")
def test_a_reporter_cannot_bring_a_resolution_along() -> None:
    answer = transition({"to": "CLOSED", "resolution": "Done."}, caller=REPORTER)
    assert (answer.error, answer.details) == ((403, "forbidden"), ["resolution"])


@pytest.mark.parametrize("path", [f"{TICKETS}/1", f"{TICKETS}/{TICKET_ID}x"])
def test_a_transition_of_no_ticket_asks_nobody(path: str) -> None:
    assert transition({"to": "OPEN"}, path=path).error == (404, "ticket_not_found")


@pytest.mark.usefixtures("ticket")
def test_an_update_with_another_status_is_one_move_with_the_changed_fields(
    lifecycle: StubbedLifecycle, items: Items
) -> None:
    before = items()
    lifecycle.decides("MOVED", a_ticket(status=Status.OPEN, version=2))
    answer = update({"status": "OPEN", "title": "VPN drops", "priority": "HIGH", "assignedToId": AGENT_ID})
    assert (answer.status, answer.json["status"], answer.headers["ETag"]) == (200, "OPEN", '"2"')
    assert lifecycle.inputs == [
        {
            "tenantId": "acme",
            "ticketId": TICKET_ID,
            "actor": {"id": AGENT_ID, "role": "agent"},
            "to": "OPEN",
            "fields": {"priority": "HIGH", "assignedToId": AGENT_ID},
            "comment": None,
            "expectedVersion": 1,
            "newComment": None,
        }
    ]
    assert items() == before


def test_a_replacement_with_another_status_is_one_move_too(
    dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle
) -> None:
    stored(dynamodb, a_ticket(status=Status.RESOLVED, resolution="Done.", tags=["vpn"], version=6))
    lifecycle.decides("MOVED", a_ticket(status=Status.OPEN, version=7))
    assert replace(WHOLE | {"status": "OPEN"}, headers={"If-Match": '"6"'}).status == 200
    (sent,) = lifecycle.inputs
    assert (sent["fields"], sent["expectedVersion"]) == ({"tags": [], "resolution": None}, 6)


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize("through", [update, replace], ids=["update", "replace"])
def test_a_field_that_is_refused_moves_nothing(through: Any, lifecycle: StubbedLifecycle) -> None:
    body = WHOLE | {"status": "CLOSED", "priority": "HIGH"}
    assert through(body, caller=REPORTER).error == (403, "forbidden")
    assert lifecycle.inputs == []


# --- history ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize(
    ("caller", "status"),
    [(REPORTER, 200), (OTHER_REPORTER, 404), (AGENT, 200), (ADMIN, 200), (STRANGER, 404)],
    ids=["its reporter", "another reporter", "agent", "admin", "another tenant's admin"],
)
def test_who_reads_a_history(caller: Caller, status: int) -> None:
    assert history(caller=caller).status == status


@pytest.mark.usefixtures("ticket")
def test_links_lead_through_a_history() -> None:
    for title in ("One", "Two", "Three"):
        update({"title": title}, caller=ADMIN)
    first = history("?limit=3")
    assert [event["version"] for event in first.json] == [1, 2, 3]
    assert first.next is not None
    second = history("?" + first.next.partition("?")[2])
    assert [(event["version"], event["actor"]["id"]) for event in second.json] == [(4, ADMIN_ID)]
    assert second.next is None
