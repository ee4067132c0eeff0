"""Announcing files: what is written and answered, what is refused, and the limits."""

from itertools import count
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.attachments.support import PATH, announce, content, key_of, listed, query_of, read, remove, state
from tests.unit.comments.support import by_place, there
from tests.unit.conftest import Clock, Items
from tests.unit.support import (
    ADMIN,
    AGENT,
    MOMENT_TEXT,
    OTHER_REPORTER,
    REPORTER,
    REPORTER_ID,
    STRANGER,
    TABLE,
    TICKET_ID,
    a_ticket,
    cancelled,
    put_item,
)
from ticketing.access.identity import Caller
from ticketing.aws import clients
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Ticket
from ticketing.tickets.repository import TicketRepository

NEVER = "019c1f0e-7a3b-7c41-9d2e-000000000000"


def usage(items: Items) -> dict[str, int]:
    """Return the numbers of files of the ticket, and of bytes of the tenant."""
    found = {item["PK"]["S"].rpartition("#")[2] + item["SK"]["S"]: from_item(item) for item in items()}
    of_ticket = found.get(f"{TICKET_ID}ATTACHMENTS", {})
    return {
        "files": of_ticket.get("files", 0),
        **({"internalFiles": of_ticket["internalFiles"]} if of_ticket.get("internalFiles") else {}),
        "bytes": found.get("COUNTERATTACHMENTS", {}).get("bytes", 0),
    }


def test_an_announced_file_is_answered_with_its_address(items: Items, acme: TicketRepository, ticket: Ticket) -> None:
    answer = announce(sha256="AB" * 32, size=12)
    made = answer.json
    upload = made.pop("upload")
    assert answer.status == 201
    assert made == {
        "id": made["id"],
        "ticketId": TICKET_ID,
        "fileName": "screen.png",
        "contentType": "image/png",
        "size": 12,
        "sha256": "ab" * 32,
        "state": "PENDING",
        "visibility": "public",
        "uploadedById": REPORTER_ID,
        "createdAt": MOMENT_TEXT,
        "commentId": None,
        "reason": None,
    }
    assert answer.headers["Location"] == f"{PATH}/{made['id']}"
    assert (upload["method"], upload["expiresAt"]) == ("PUT", "2026-02-02T08:30:04.120Z")
    assert upload["headers"] == {
        "Content-Type": "image/png",
        "x-amz-checksum-sha256": "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=",
    }
    assert upload["url"].startswith(f"https://files.s3.us-east-1.amazonaws.com/{key_of(made['id'])}?")
    signed = query_of(upload["url"])
    assert signed["X-Amz-Expires"] == "900"
    assert signed["X-Amz-SignedHeaders"] == "content-length;content-type;host;x-amz-checksum-sha256"
    assert read(made["id"]).json == made
    assert listed().json == [made]
    assert usage(items) == {"files": 1, "bytes": 12}
    assert acme.get(TICKET_ID) == ticket, "neither version nor time"


def test_locally_addresses_lead_through_the_front(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTACHMENT_ADDRESS", "http://localhost:8000")
    made = announce().json
    assert made["upload"]["url"].startswith(f"http://localhost:8000/files/{key_of(made['id'])}?X-Amz-")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("C:\\boot.ini", "C:_boot.ini"),
        ("a\x00b\r\nSet-Cookie: x", "a_b__Set-Cookie: x"),
        ("gnp.\u202eexe", "gnp._exe"),
        ("\u2066x\u2069\u200f", "_x__"),
        ("\U0001f3ab" * 75 + ".png", "\U0001f3ab" * 75 + ".png"),
        ("  Vertrag (unterschrieben) und 100%.pdf ", "Vertrag (unterschrieben) und 100%.pdf"),
        ("x" * 255, "x" * 255),
    ],
)
def test_names_are_kept_but_for_what_leads_elsewhere(sent: str, kept: str) -> None:
    made = announce(fileName=sent)
    assert (made.status, made.json["fileName"]) == (201, kept)


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        ({"fileName": ""}, "fileName: String should have at least 1 character"),
        ({"fileName": " \r\n\t "}, "fileName: String should have at least 1 character"),
        ({"fileName": ".."}, "fileName: must be more than dots, and visible"),
        ({"fileName": ". ."}, "fileName: must be more than dots, and visible"),
        ({"fileName": "\u200b\u3164."}, "fileName: must be more than dots, and visible"),
        ({"fileName": "x" * 256}, "fileName: String should have at most 255 characters"),
        ({"fileName": None}, "fileName: Input should be a valid string"),
        ({"size": 0}, "size: Input should be greater than or equal to 1"),
        ({"size": -1}, "size: Input should be greater than or equal to 1"),
        ({"size": "12"}, "size: Input should be a valid integer"),
        ({"size": 1.5}, "size: Input should be a valid integer"),
        ({"size": True}, "size: Input should be a valid integer"),
        ({"contentType": "text"}, "contentType: must be a media type without parameters, such as image/png"),
        ({"contentType": "a/b\r\nX: y"}, "contentType: must be a media type without parameters, such as image/png"),
        ({"contentType": "a/b; c=d"}, "contentType: must be a media type without parameters, such as image/png"),
        ({"sha256": "ab"}, "sha256: must be a SHA-256 in hex: 64 digits"),
        ({"sha256": "g" * 64}, "sha256: must be a SHA-256 in hex: 64 digits"),
        ({"visibility": "secret"}, "visibility: must be one of public, internal"),
        ({"state": "CLEAN"}, "state: unknown field"),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(items: Items, wrong: dict[str, Any], detail: str) -> None:
    before = items()
    answer = announce(**wrong)
    assert answer.error == (400, "bad_request")
    assert answer.details == [detail]
    assert items() == before


@pytest.mark.parametrize("size", [1001, 10**30])
def test_a_file_may_be_too_large(items: Items, size: int) -> None:
    before = items()
    assert announce(size=size).error == (413, "payload_too_large")
    assert items() == before


@pytest.mark.parametrize(
    ("ticket_values", "caller", "error"),
    [
        pytest.param({"status": Status.CLOSED}, AGENT, (409, "ticket_closed"), id="closed"),
        pytest.param({"deleted_at": MOMENT_TEXT}, ADMIN, (404, "ticket_not_found"), id="deleted"),
        pytest.param({}, OTHER_REPORTER, (404, "ticket_not_found"), id="another reporter's"),
        pytest.param({}, STRANGER, (404, "ticket_not_found"), id="another tenant's"),
    ],
)
def test_where_nobody_attaches(
    dynamodb: DynamoDBClient, items: Items, ticket_values: dict[str, Any], caller: Caller, error: tuple[int, str]
) -> None:
    dynamodb.delete_item(TableName=TABLE, Key=to_item({"PK": f"TENANT#acme#TICKET#{TICKET_ID}", "SK": "TICKET"}))
    for item in items():
        dynamodb.delete_item(TableName=TABLE, Key={"PK": item["PK"], "SK": item["SK"]})
    there(dynamodb, a_ticket(**ticket_values))
    before = items()
    assert announce(caller).error == error
    assert items() == before


def test_a_retry_with_the_same_key_is_the_same_file_with_another_address(time: Clock, items: Items) -> None:
    first = announce(key="k").json
    time.forward(minutes=20)
    before = [item | {"listKey": None} for item in items()]
    again = announce(key="k").json
    assert again["upload"]["expiresAt"] > first["upload"]["expiresAt"]
    assert again | {"upload": None} == first | {"upload": None}
    assert announce(key="k", fileName="other.png").error == (422, "idempotency_key_reused")
    assert [item | {"listKey": None} for item in items()] == before, "but for when the sweep looks at it"
    assert announce(AGENT, key="k").json["id"] != first["id"]
    assert remove(first["id"], ADMIN).status == 204
    assert announce(key="k").error == (409, "conflict")


def test_a_retry_finds_its_file_on_a_ticket_that_was_closed(dynamodb: DynamoDBClient) -> None:
    first = announce(key="k").json
    dynamodb.update_item(
        TableName=TABLE,
        Key=to_item({"PK": f"TENANT#acme#TICKET#{TICKET_ID}", "SK": "TICKET"}),
        UpdateExpression="SET #s = :closed",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":closed": {"S": "CLOSED"}},
    )
    assert announce(key="k").json["id"] == first["id"]
    assert announce(key="other").error == (409, "ticket_closed")


def test_internal_files_take_no_room_that_reporters_could_miss(items: Items) -> None:
    """Also one that a comment has made public: it is counted as it was announced."""
    count = {"PK": f"TENANT#acme#TICKET#{TICKET_ID}", "SK": "ATTACHMENTS", "files": 49, "internalFiles": 49}
    put_item(TABLE, to_item(count))
    made = announce(AGENT, visibility="internal").json
    assert announce(AGENT, visibility="internal").error == (409, "attachment_limit_reached")
    assert announce(REPORTER).status == 201
    assert announce(REPORTER).error == (409, "attachment_limit_reached")
    assert usage(items) == {"files": 50, "internalFiles": 50, "bytes": 24}
    key = to_item({"PK": f"TENANT#acme#TICKET#{TICKET_ID}", "SK": f"ATTACHMENT#{made['id']}"})
    clients.dynamodb().update_item(
        TableName=TABLE,
        Key=key,
        UpdateExpression="SET visibility = :public",
        ExpressionAttributeValues={":public": {"S": "public"}},
    )
    assert remove(made["id"], ADMIN).status == 204
    assert usage(items) == {"files": 50, "internalFiles": 49, "bytes": 12}


def test_limits_hold_to_the_last_file_and_byte(items: Items, monkeypatch: pytest.MonkeyPatch) -> None:
    count = {"PK": f"TENANT#acme#TICKET#{TICKET_ID}", "SK": "ATTACHMENTS", "files": 49}
    put_item(TABLE, to_item(count))
    put_item(TABLE, to_item({"PK": "TENANT#acme#COUNTER", "SK": "ATTACHMENTS", "bytes": 9_988}))
    assert announce(size=13).error == (409, "attachment_storage_full")
    made = announce(size=12)
    assert made.status == 201
    assert usage(items) == {"files": 50, "bytes": 10_000}
    before = items()
    assert announce(size=1).error == (409, "attachment_limit_reached")
    assert items() == before
    assert remove(made.json["id"]).status == 204
    assert usage(items) == {"files": 49, "bytes": 9_988}
    monkeypatch.setenv("ATTACHMENT_TENANT_BYTES", "5")
    assert announce(size=6).error == (409, "attachment_storage_full")


def test_the_first_file_may_not_exceed_the_tenants_bytes(items: Items, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTACHMENT_TENANT_BYTES", "5")
    before = items()
    assert announce(size=6).error == (409, "attachment_storage_full")
    assert items() == before


def test_who_loses_the_race_for_the_last_bytes_tries_again(items: Items, dynamodb: DynamoDBClient) -> None:
    """As 16 at once do: DynamoDB lets one of them write, and tells the others to come again."""
    put_item(TABLE, to_item({"PK": "TENANT#acme#COUNTER", "SK": "ATTACHMENTS", "bytes": 9_970}))
    lost = cancelled(dynamodb, "None", "None", "TransactionConflict", "None")

    tries = count()

    def lose(**_: Any) -> None:
        if next(tries) % 2 == 0:
            raise lost

    dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", lose)
    answers = [announce(size=10).status for _ in range(16)]
    assert sorted(answers) == [201] * 3 + [409] * 13
    assert usage(items) == {"files": 3, "bytes": 10_000}
    assert len(listed().json) == 3


def test_internal_files_leave_no_trace_for_reporters() -> None:
    assert announce(REPORTER, visibility="internal").error == (403, "forbidden")
    hidden = announce(AGENT, visibility="internal").json["id"]
    shown = announce(AGENT).json["id"]
    assert [each["id"] for each in listed(AGENT).json] == [hidden, shown]
    assert [each["id"] for each in listed(REPORTER).json] == [shown]
    for attempt in (read, content, remove):
        assert attempt(hidden, REPORTER).error == (404, "attachment_not_found") == attempt(NEVER, REPORTER).error
    assert state(hidden) == "PENDING"


def test_pages_are_in_the_order_of_announcements() -> None:
    made = [announce(fileName=f"{n}.png").json["id"] for n in range(5)]
    first = listed(query="?limit=2")
    assert [each["id"] for each in first.json] == made[:2]
    second = listed(query="?" + str(first.next).partition("?")[2])
    assert [each["id"] for each in second.json] == made[2:4]
    assert listed(query="?cursor=x").error == (400, "bad_request")


@pytest.mark.parametrize(
    ("caller", "minutes", "status"),
    [(REPORTER, 15, 204), (REPORTER, 16, 403), (AGENT, 1, 403), (ADMIN, 60 * 24, 204), (OTHER_REPORTER, 1, 404)],
)
def test_who_removes_a_file_and_for_how_long(
    items: Items, time: Clock, caller: Caller, minutes: int, status: int
) -> None:
    made = announce().json["id"]
    time.forward(minutes=minutes)
    assert remove(made, caller).status == status
    assert usage(items)["files"] == (0 if status == 204 else 1)
    if status == 204:
        assert read(made, AGENT).error == (404, "attachment_not_found")
        (event,) = (each for each in by_place(items, "EVENT#") if each["eventType"] == "AttachmentRemoved")
        assert (event["attachmentId"], event["visibility"], event["actorId"]) == (made, "public", caller.user_id)
        assert "screen.png" not in str(event)
