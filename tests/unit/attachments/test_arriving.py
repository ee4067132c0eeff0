"""What becomes of an announced file: events in any order, twice, or lost; and what nobody announced."""

from collections.abc import Callable
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from mypy_boto3_dynamodb import DynamoDBClient

from functions.attachments import receive_upload, record_scan
from functions.tickets import delete_ticket, restore_ticket
from tests.unit.attachments.support import (
    CONTENT,
    TICKET_PATH,
    Bucket,
    announce,
    content,
    key_of,
    listed,
    noticed,
    query_of,
    read,
    remove,
    scanned,
    state,
    swept,
)
from tests.unit.attachments.test_announcing import usage
from tests.unit.comments.support import by_place, history
from tests.unit.conftest import Clock, Items
from tests.unit.support import (
    ADMIN,
    AGENT,
    AGENT_ID,
    BUCKET,
    MOMENT,
    REPORTER,
    REPORTER_ID,
    TICKET_ID,
    Context,
    api_event,
    cancelled,
    send,
)
from ticketing.aws import clients
from ticketing.tickets.events import SYSTEM_ID
from ticketing.tickets.repository import TicketRepository

CLEAN, INFECTED = "NO_THREATS_FOUND", "THREATS_FOUND"


def arrive(bucket: Bucket, result: str = CLEAN, **values: Any) -> str:
    """Announce a file, upload it, let it be scanned; return its id."""
    made = str(announce(**values).json["id"])
    version = bucket.put(key_of(made), values.get("content", CONTENT))
    bucket.tag(key_of(made), version, result)
    assert scanned(key_of(made), version, result) == []
    return made


def events(items: Items, attachment_id: str) -> list[dict[str, Any]]:
    return [each for each in by_place(items, "EVENT#") if each.get("attachmentId") == attachment_id]


@pytest.mark.parametrize(
    "expected",
    [
        (CLEAN, "CLEAN", "AttachmentAdded"),
        (INFECTED, "INFECTED", "AttachmentRejected"),
        ("UNSUPPORTED", "UNSCANNABLE", "AttachmentRejected"),
    ],
    ids=lambda expected: expected[0],
)
@pytest.mark.parametrize("order", [*permutations("ust", 3), "uust", "usstt", "tt", "uu"], ids="".join)
def test_events_in_any_order_twice_or_lost_end_the_same(
    bucket: Bucket, items: Items, acme: TicketRepository, order: str, expected: tuple[str, str, str]
) -> None:
    """u: S3's event; s: GuardDuty's; t: it tags the object. Whoever comes last, or the sweep, sees all."""
    result, final, event = expected
    made = announce().json["id"]
    key = key_of(made)
    version = bucket.put(key)
    steps: dict[str, Callable[[], object]] = {
        "u": lambda: noticed(key),
        "s": lambda: scanned(key, version, result),
        "t": lambda: bucket.tag(key, version, result),
    }
    for step in order:
        steps[step]()
        assert content(made).status == (302 if state(made) == "CLEAN" else 409)
    bucket.tag(key, version, result)
    assert noticed(key) == []
    shown = read(made).json
    assert shown["state"] == final
    assert shown["reason"] == (None if final == "CLEAN" else result)
    (told,) = events(items, made)
    assert (told["eventType"], told["visibility"], told["version"]) == (event, "public", 1)
    assert told["actorId"] == (REPORTER_ID if final == "CLEAN" else SYSTEM_ID)
    assert "screen.png" not in str(told)
    assert bucket.versions() == ([version] if final == "CLEAN" else [])
    ticket = acme.get(told["ticketId"])
    assert ticket is not None
    assert ticket.version == 1
    assert not [each for each in items() if "listKey" in each and each["SK"]["S"].startswith("ATTACHMENT#")]
    assert [each["attachmentId"] for each in history(REPORTER).json if each["attachmentId"]] == [made]


def test_the_first_result_stands(bucket: Bucket) -> None:
    made = arrive(bucket)
    (version,) = bucket.versions()
    assert scanned(key_of(made), version, INFECTED) == []
    assert state(made) == "CLEAN"
    other = arrive(bucket, INFECTED)
    assert scanned(key_of(other), "gone", CLEAN) == []
    assert state(other) == "INFECTED"
    assert bucket.versions() == [version]


def test_a_tag_that_comes_a_moment_after_the_result_is_waited_for(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = announce().json["id"]
    version = bucket.put(key_of(made))
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            bucket.tag(key_of(made), version, CLEAN)

    monkeypatch.setattr("ticketing.attachments.arrival.time.sleep", sleep)
    assert scanned(key_of(made), version, CLEAN) == []
    assert (state(made), waits) == ("CLEAN", [1, 2])


def test_a_clean_result_without_the_tag_waits_for_it(bucket: Bucket, pauses: list[float]) -> None:
    made = announce().json["id"]
    version = bucket.put(key_of(made))
    assert scanned(key_of(made), version, CLEAN) == ["m1"]
    assert pauses == [1, 2, 2]
    assert state(made) == "SCANNING"
    bucket.tag(key_of(made), version, CLEAN)
    assert scanned(key_of(made), version, CLEAN) == []
    assert state(made) == "CLEAN"


@pytest.mark.parametrize("result", ["FAILED", "ACCESS_DENIED"])
def test_where_the_scanner_fails_the_file_goes_on_waiting(bucket: Bucket, result: str) -> None:
    made = arrive(bucket, result)
    assert state(made) == "SCANNING"
    assert content(made).error == (409, "attachment_not_ready")
    (version,) = bucket.versions()
    bucket.tag(key_of(made), version, CLEAN)
    assert scanned(key_of(made), version, CLEAN) == []
    assert state(made) == "CLEAN"


@pytest.mark.parametrize("result", ["FAILED", "ACCESS_DENIED"])
def test_a_failed_scan_counts_for_the_file_itself_only(
    bucket: Bucket, capsys: pytest.CaptureFixture[str], result: str
) -> None:
    """A second upload may be deleted before the scanner has read it."""
    made = announce().json["id"]
    key = key_of(made)
    first, second = bucket.put(key), bucket.put(key)
    assert noticed(key) == scanned(key, second, result) == []
    bucket.tag(key, first, CLEAN)
    assert scanned(key, first, CLEAN) == scanned(key, second, result) == []
    assert state(made) == "CLEAN"
    assert f'"result":"{result}"' not in capsys.readouterr().out
    other = announce().json["id"]
    assert scanned(key_of(other), bucket.put(key_of(other)), result) == []
    assert f'"result":"{result}"' in capsys.readouterr().out


def test_the_first_version_is_the_file_and_later_ones_go(bucket: Bucket) -> None:
    made = announce().json["id"]
    first = bucket.put(key_of(made))
    second = bucket.put(key_of(made))
    bucket.tag(key_of(made), second, CLEAN)
    assert scanned(key_of(made), second, CLEAN) == []
    assert state(made) == "SCANNING"
    assert bucket.versions() == [first]
    bucket.tag(key_of(made), first, CLEAN)
    assert scanned(key_of(made), first, CLEAN) == []
    assert state(made) == "CLEAN"
    third = bucket.put(key_of(made))
    assert query_of(content(made).headers["Location"])["versionId"] == first
    assert noticed(key_of(made), third) == []
    assert bucket.versions() == [first]


def test_the_first_of_more_versions_than_one_answer_has_is_the_file(bucket: Bucket) -> None:
    made = announce().json["id"]
    versions = [bucket.put(key_of(made)) for _ in range(5)]

    def two_at_once(params: dict[str, Any], **_: Any) -> None:
        params["MaxKeys"] = 2

    clients.s3().meta.events.register("before-parameter-build.s3.ListObjectVersions", two_at_once)
    assert noticed(key_of(made)) == []
    assert bucket.calls.count("ListObjectVersions") == 3
    assert bucket.versions() == versions[:1]


def test_what_is_not_the_announced_content_is_never_read(bucket: Bucket) -> None:
    """S3 compares it at our addresses; whoever came another way is found out here."""
    made = announce().json["id"]
    bucket.put(key_of(made), b"too short")
    assert noticed(key_of(made)) == []
    assert (state(made), bucket.versions()) == ("PENDING", [])
    version = bucket.put(key_of(made), bytes(reversed(CONTENT)))
    bucket.tag(key_of(made), version, CLEAN)
    assert scanned(key_of(made), version, CLEAN) == []
    assert read(made).json["reason"] == "OTHER_CONTENT"
    assert content(made).error == (409, "attachment_rejected")
    assert bucket.versions() == []


@pytest.mark.parametrize("status", [403, 404])
def test_a_version_that_goes_while_its_tag_is_read_is_looked_for_again(bucket: Bucket, status: int) -> None:
    """S3 says 403 of what is not there to who may not list."""
    made = announce().json["id"]
    bucket.put(key_of(made))

    def gone() -> None:
        remove(made)
        answer: Any = {"Error": {"Code": str(status)}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError(answer, "GetObjectTagging")

    bucket.before["GetObjectTagging"] = gone
    assert noticed(key_of(made)) == []
    assert bucket.versions() == []


def test_who_may_not_read_tags_is_told_of(bucket: Bucket, log: Callable[[], list[dict[str, Any]]]) -> None:
    """It looks the same, but it is there: nothing is decided."""
    made = announce().json["id"]
    version = bucket.put(key_of(made))
    bucket.denies = {"GetObjectTagging"}
    assert noticed(key_of(made)) == ["m1"]
    assert (state(made), bucket.versions()) == ("SCANNING", [version])
    assert [line["outcome"] for line in log() if line["level"] == "ERROR"] == ["failed"]


def test_without_a_scanner_what_arrives_is_marked_and_read(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTACHMENT_SCAN", "none")
    made = announce().json["id"]
    bucket.put(key_of(made))
    assert noticed(key_of(made)) == []
    assert state(made) == "CLEAN"


@pytest.mark.parametrize(
    ("said", "final"),
    [(INFECTED, "INFECTED"), ("UNSUPPORTED", "UNSCANNABLE"), ("FAILED", "SCANNING"), ("NEW", "SCANNING")],
)
def test_without_a_scanner_what_it_had_said_stands(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, said: str, final: str
) -> None:
    made = announce().json["id"]
    bucket.tag(key_of(made), bucket.put(key_of(made)), said)
    monkeypatch.setenv("ATTACHMENT_SCAN", "none")
    assert noticed(key_of(made)) == []
    assert state(made) == final


def test_who_records_scans_marks_nothing(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTACHMENT_SCAN", "none")
    made = announce().json["id"]
    version = bucket.put(key_of(made))
    assert scanned(key_of(made), "another", CLEAN) == []
    assert scanned(key_of(made), version, "FAILED") == []
    assert state(made) == "SCANNING"
    assert "PutObjectTagging" not in bucket.calls
    assert noticed(key_of(made)) == []
    assert state(made) == "CLEAN"


@pytest.mark.parametrize(
    "key",
    ["malware-protection-resource-validation-object", "acme/x/y", "acme//", "../a", "a#b/" + "0" * 36 + "/" + "0" * 36],
)
def test_other_objects_are_nobodys_affair(bucket: Bucket, key: str) -> None:
    version = bucket.put(key)
    assert noticed(key) == scanned(key, version, INFECTED) == []
    assert bucket.versions() == [version]


@pytest.mark.parametrize("handler", [receive_upload.handler, record_scan.handler])
@pytest.mark.parametrize("text", ["", "{}", '{"detail": {}}', "[" * 100_000])
def test_what_can_not_be_understood_is_poison(handler: Any, text: str) -> None:
    answer = handler({"Records": [{"messageId": "m1", "body": text}]}, Context())
    assert answer["batchItemFailures"] == [{"itemIdentifier": "m1"}]


# --- tickets and files that go ---------------------------------------------------------------------------------------


def trash() -> None:
    assert send(delete_ticket.handler, api_event("DELETE", TICKET_PATH, caller=ADMIN)).status == 204


def restore() -> None:
    assert send(restore_ticket.handler, api_event("POST", f"{TICKET_PATH}/restore", caller=ADMIN)).status == 200


@pytest.mark.parametrize("first", ["uploaded", "scanned", "swept"])
def test_a_ticket_in_the_trash_keeps_what_was_there_and_nothing_arrives(
    bucket: Bucket, items: Items, time: Clock, first: str
) -> None:
    kept, late, before = arrive(bucket), announce().json["id"], announce().json["id"]
    versions = [*bucket.versions(), bucket.put(key_of(before))]
    trash()
    time.forward(seconds=1)
    assert read(kept).error == content(kept).error == listed().error == (404, "ticket_not_found")
    version = bucket.put(key_of(late))
    notice: dict[str, Callable[[str, str], object]] = {
        "uploaded": lambda key, _: noticed(key),
        "scanned": lambda key, version: scanned(key, version, CLEAN),
        "swept": lambda *_: swept(),
    }
    if first == "swept":
        time.forward(hours=1)
    for made, its in ((late, version), (before, versions[1])):
        bucket.tag(key_of(made), its, CLEAN)
        notice[first](key_of(made), its)
        assert noticed(key_of(made)) == scanned(key_of(made), its, CLEAN) == []
    assert noticed(key_of(kept)) == []
    assert sorted(bucket.versions()) == sorted(versions)
    assert usage(items) == {"files": 2, "bytes": 2 * len(CONTENT)}
    assert events(items, before) == []
    restore()
    assert content(kept).status == 302
    assert [(each["id"], each["state"]) for each in listed().json] == [(kept, "CLEAN"), (before, "SCANNING")]
    time.forward(hours=1)
    swept()
    assert content(before).status == 302
    assert len(events(items, before)) == 1


@pytest.mark.parametrize("result", [CLEAN, INFECTED])
def test_a_result_that_comes_while_the_ticket_is_in_the_trash_waits(
    bucket: Bucket, items: Items, time: Clock, result: str
) -> None:
    made = announce().json["id"]
    version = bucket.put(key_of(made))
    assert noticed(key_of(made)) == []
    time.forward(seconds=5)
    trash()
    bucket.tag(key_of(made), version, result)
    assert scanned(key_of(made), version, result) == []
    assert bucket.versions() == [version]
    restore()
    assert state(made) == "SCANNING"
    time.forward(hours=1)
    swept()
    assert state(made) == ("CLEAN" if result == CLEAN else "INFECTED")
    assert len(events(items, made)) == 1


def test_what_came_after_the_restoring_is_no_late_upload(bucket: Bucket, time: Clock) -> None:
    made = announce().json["id"]
    trash()
    time.forward(seconds=5)
    swept()
    restore()
    bucket.tag(key_of(made), bucket.put(key_of(made)), CLEAN)
    assert noticed(key_of(made)) == []
    assert state(made) == "CLEAN"


def test_what_never_arrives_in_the_trash_is_gone_after_24_hours(bucket: Bucket, items: Items, time: Clock) -> None:
    made = announce().json["id"]
    trash()
    time.forward(hours=25)
    swept()
    assert usage(items) == {"files": 0, "bytes": 0}
    bucket.put(key_of(made))
    assert noticed(key_of(made)) == bucket.versions() == []


def test_a_file_that_waits_goes_with_its_ticket_when_its_time_is_over(
    bucket: Bucket, items: Items, time: Clock
) -> None:
    made = announce().json["id"]
    bucket.put(key_of(made))
    trash()
    time.forward(days=29)
    assert noticed(key_of(made)) == []
    assert usage(items)["files"] == 1
    time.forward(days=2)
    swept()
    assert bucket.versions() == []
    assert usage(items) == {"files": 0, "bytes": 0}


def test_an_upload_for_a_file_that_was_removed_is_deleted(bucket: Bucket, items: Items) -> None:
    made = announce().json["id"]
    remove(made)
    version = bucket.put(key_of(made))
    bucket.put(key_of(made))
    assert noticed(key_of(made), version) == []
    assert bucket.versions() == []
    assert usage(items) == {"files": 0, "bytes": 0}


def test_removing_a_file_deletes_all_of_its_content(bucket: Bucket) -> None:
    made, other = arrive(bucket), arrive(bucket)
    bucket.put(key_of(made))
    assert remove(made).status == 204
    assert content(made).error == (404, "attachment_not_found")
    assert len(bucket.versions(key_of(other))) == len(bucket.versions()) == 1


def test_a_removal_counts_though_s3_fails(bucket: Bucket, log: Callable[[], list[dict[str, Any]]]) -> None:
    made = arrive(bucket)
    bucket.fails = {"DeleteObjects"}
    assert remove(made).status == 204
    assert "the sweep has to delete an object" in {line["message"] for line in log()}
    bucket.fails = set()
    assert noticed(key_of(made)) == []
    assert bucket.versions() == []


# --- races -----------------------------------------------------------------------------------------------------------


def before_write(client: DynamoDBClient, do: Callable[[], object], operation: str = "TransactWriteItems") -> None:
    """Do something right before the next write, of a transaction unless it is said."""
    todo = [do]

    def hook(**_: Any) -> None:
        if todo:
            todo.pop()()

    client.meta.events.register(f"before-call.dynamodb.{operation}", hook)


@pytest.mark.parametrize("result", [None, CLEAN], ids=["uploaded", "scanned"])
def test_two_who_see_different_versions_keep_the_one_that_is_written_first(
    bucket: Bucket, dynamodb: DynamoDBClient, result: str | None
) -> None:
    """What S3 lists first may show up last: then the one takes B for the file, and the other A."""
    made = announce().json["id"]
    key = key_of(made)
    later = bucket.put(key)
    bucket.tag(key, later, CLEAN)

    def meanwhile() -> None:
        """Let another pin A, which is listed as the older one, right before B is written."""
        first = bucket.put(key, at=MOMENT - timedelta(seconds=9))
        bucket.tag(key, first, CLEAN)
        assert noticed(key) == []

    before_write(dynamodb, meanwhile, "UpdateItem")
    assert (noticed(key) if result is None else scanned(key, later, result)) == []
    assert state(made) == "CLEAN"
    assert bucket.versions() == [query_of(content(made).headers["Location"])["versionId"]]


def test_who_writes_first_which_version_it_is_deletes_the_others_only_then(
    bucket: Bucket, dynamodb: DynamoDBClient
) -> None:
    made = announce().json["id"]
    versions = {bucket.put(key_of(made)), bucket.put(key_of(made))}

    def fail() -> None:
        assert set(bucket.versions()) == versions
        raise EndpointConnectionError(endpoint_url="https://dynamodb")

    before_write(dynamodb, fail, "UpdateItem")
    assert noticed(key_of(made)) == ["m1"]
    assert set(bucket.versions()) == versions
    assert noticed(key_of(made)) == []
    assert len(bucket.versions()) == 1


@pytest.mark.parametrize("final", ["SCANNING", "CLEAN"])
def test_where_the_file_is_gone_its_other_versions_stay(
    bucket: Bucket, log: Callable[[], list[dict[str, Any]]], capsys: pytest.CaptureFixture[str], final: str
) -> None:
    """They may hold the same content, and a person decides."""
    made = arrive(bucket, CLEAN if final == "CLEAN" else "FAILED")
    key = key_of(made)
    (version,) = bucket.versions()
    bucket.client.delete_object(Bucket=BUCKET, Key=key, VersionId=version)
    other = bucket.put(key)
    bucket.tag(key, other, CLEAN)
    assert noticed(key) == scanned(key, other, CLEAN) == []
    assert (state(made), bucket.versions()) == (final, [other])
    assert [line["attachment_id"] for line in log() if line["level"] == "ERROR"] == [made, made]
    assert capsys.readouterr().out.count('"FilesMissing":[1.0]') == 2


def test_an_object_that_goes_with_its_row_is_not_missed(
    bucket: Bucket, log: Callable[[], list[dict[str, Any]]]
) -> None:
    made = arrive(bucket)
    bucket.before["ListObjectVersions"] = lambda: remove(made)
    assert noticed(key_of(made)) == []
    assert bucket.versions() == []
    assert "ERROR" not in {line["level"] for line in log()}


def test_a_ticket_that_is_deleted_meanwhile_keeps_its_file(
    bucket: Bucket, dynamodb: DynamoDBClient, items: Items
) -> None:
    made = announce().json["id"]
    version = bucket.put(key_of(made))
    bucket.tag(key_of(made), version, CLEAN)
    before_write(dynamodb, trash)
    assert noticed(key_of(made)) == []
    assert bucket.versions() == [version]
    assert usage(items) == {"files": 1, "bytes": len(CONTENT)}
    assert events(items, made) == []
    restore()
    assert noticed(key_of(made)) == []
    assert state(made) == "CLEAN"


def test_a_file_that_is_removed_meanwhile_stays_removed(bucket: Bucket, dynamodb: DynamoDBClient, items: Items) -> None:
    made = announce().json["id"]
    version = bucket.put(key_of(made))
    bucket.tag(key_of(made), version, CLEAN)
    before_write(dynamodb, lambda: remove(made))
    assert noticed(key_of(made)) == []
    assert bucket.versions() == []
    assert [each["eventType"] for each in events(items, made)] == ["AttachmentRemoved"]


def test_a_file_that_becomes_internal_meanwhile_has_no_public_event(
    bucket: Bucket, dynamodb: DynamoDBClient, items: Items
) -> None:
    made = announce(AGENT).json["id"]
    version = bucket.put(key_of(made))
    bucket.tag(key_of(made), version, CLEAN)
    row = {"PK": {"S": f"TENANT#acme#TICKET#{TICKET_ID}"}, "SK": {"S": f"ATTACHMENT#{made}"}}

    def hide() -> None:
        dynamodb.update_item(
            TableName="tickets",
            Key=row,
            UpdateExpression="SET visibility = :v, commentId = :c",
            ExpressionAttributeValues={":v": {"S": "internal"}, ":c": {"S": "c1"}},
        )

    before_write(dynamodb, hide)
    assert noticed(key_of(made)) == []
    (told,) = events(items, made)
    assert (told["visibility"], told["commentId"], told["actorId"]) == ("internal", "c1", AGENT_ID)
    assert [each["attachmentId"] for each in history(REPORTER).json if each["attachmentId"]] == []


def test_who_loses_a_race_decides_anew(bucket: Bucket, dynamodb: DynamoDBClient) -> None:
    made = announce().json["id"]
    version = bucket.put(key_of(made))
    bucket.tag(key_of(made), version, CLEAN)

    def lose() -> None:
        raise cancelled(dynamodb, "TransactionConflict", "None", "None")

    before_write(dynamodb, lose)
    assert noticed(key_of(made)) == []
    assert state(made) == "CLEAN"


@pytest.mark.parametrize("result", [CLEAN, INFECTED])
def test_who_meets_a_transaction_decides_anew(bucket: Bucket, dynamodb: DynamoDBClient, result: str) -> None:
    """With CLEAN, it is met where the version is written; with INFECTED, where the rejected file is forgotten, too."""
    made = announce().json["id"]
    version = bucket.put(key_of(made))
    bucket.tag(key_of(made), version, result)
    writes: list[str] = []

    def lose(model: Any, **_: Any) -> None:
        writes.append(model.name)
        if len(writes) % 2:
            answer: Any = {"Error": {"Code": "TransactionConflictException", "Message": "ongoing"}}
            raise dynamodb.exceptions.TransactionConflictException(answer, model.name)

    dynamodb.meta.events.register("before-call.dynamodb.UpdateItem", lose)
    assert noticed(key_of(made)) == []
    assert state(made) == ("CLEAN" if result == CLEAN else "INFECTED")
    assert len(writes) == (2 if result == CLEAN else 4)


# --- reading ---------------------------------------------------------------------------------------------------------


def test_an_address_for_reading_saves_the_very_version(bucket: Bucket) -> None:
    made = arrive(bucket, fileName='a "b" \\ %20 \u00fc\U0001f3ab.png')
    (version,) = bucket.versions()
    answer = content(made)
    assert (answer.status, answer.text, answer.headers["Cache-Control"]) == (302, "", "no-store")
    query = query_of(answer.headers["Location"])
    assert answer.headers["Location"].startswith(f"https://files.s3.us-east-1.amazonaws.com/{key_of(made)}?")
    assert query["versionId"] == version
    assert query["X-Amz-Expires"] == "300"
    assert query["response-content-type"] == "image/png"
    assert query["response-cache-control"] == "private, no-store"
    assert query["response-content-encoding"] == "identity"
    assert query["response-content-disposition"] == (
        "attachment; filename=\"a _b_ _ _20 __.png\"; filename*=UTF-8''a%20%22b%22%20_%20%2520%20%C3%BC%F0%9F%8E%AB.png"
    )
    refused = content(made, accept="text/html, application/json; q=0.0")
    assert refused.status == 302
    as_json = content(made, accept="text/html, application/json;q=0.9")
    assert as_json.status == 200
    assert as_json.json.keys() == {"url", "expiresAt"}
    assert as_json.json["expiresAt"] == "2026-02-02T08:20:04.120Z"


@pytest.mark.parametrize(
    ("announced", "served"),
    [("text/plain", "text/plain"), ("text/html", None), ("image/svg+xml", None), ("application/xhtml+xml", None)],
)
def test_what_a_browser_could_run_is_served_as_bytes(bucket: Bucket, announced: str, served: str | None) -> None:
    made = arrive(bucket, contentType=announced)
    query = query_of(content(made).headers["Location"])
    assert query["response-content-type"] == (served or "application/octet-stream")
    assert query["response-content-disposition"].startswith("attachment;")


def test_the_longest_name_fits_into_an_address(bucket: Bucket) -> None:
    made = arrive(bucket, fileName="\U0001f3ab" * 251 + ".png")
    address = content(made).headers["Location"]
    assert len(address) < 4000
    assert query_of(address)["response-content-disposition"].endswith(".png")


def test_reading_is_refused_until_it_is_clean(bucket: Bucket) -> None:
    made = announce().json["id"]
    assert content(made).error == (409, "attachment_not_ready")
    infected = arrive(bucket, INFECTED)
    answer = content(infected)
    assert answer.error == (409, "attachment_rejected")
    assert answer.details == ["The scanner found malware in it."]


def test_a_file_takes_few_requests(bucket: Bucket, dynamodb: DynamoDBClient) -> None:
    """One invocation for its arrival, one for its scan, whatever its size."""
    made = announce().json["id"]
    version = bucket.put(key_of(made))
    calls: list[str] = []
    dynamodb.meta.events.register("before-call.dynamodb", lambda model, **_: calls.append(model.name))
    bucket.calls.clear()
    noticed(key_of(made))
    assert (calls, bucket.calls) == (["GetItem", "GetItem", "UpdateItem"], ["ListObjectVersions", "GetObjectTagging"])
    bucket.tag(key_of(made), version, CLEAN)
    calls.clear()
    bucket.calls.clear()
    scanned(key_of(made), version, CLEAN)
    assert calls == ["GetItem", "GetItem", "TransactWriteItems"]
    assert bucket.calls == ["ListObjectVersions", "HeadObject"]
