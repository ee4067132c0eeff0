"""The sweep: what events were lost for, and rows and objects without each other. And the files of tickets that go."""

from collections.abc import Callable
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from functions.attachments.sweep_attachments import NotAllSweptError
from functions.tickets import purge_ticket
from tests.unit.attachments.support import (
    CONTENT,
    Bucket,
    announce,
    content,
    key_of,
    listed,
    noticed,
    remove,
    state,
    swept,
)
from tests.unit.attachments.test_announcing import usage
from tests.unit.attachments.test_arriving import CLEAN, INFECTED, arrive, before_write, events, restore, trash
from tests.unit.conftest import Clock, Items
from tests.unit.support import TABLE, TICKET_ID, Context, a_ticket, data_of, stored
from ticketing.attachments import sweep
from ticketing.attachments.remains import AttachmentRemains
from ticketing.aws import clients
from ticketing.aws.data import files_of_tenant
from ticketing.dynamodb.attributes import to_item

PARTITION = f"TENANT#acme#TICKET#{TICKET_ID}"


@pytest.fixture
def rescans(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the objects that GuardDuty is asked to scan again."""
    asked: list[Any] = []

    class GuardDuty:
        def send_object_malware_scan(self, **params: Any) -> None:
            asked.append(params["S3Object"])

    monkeypatch.setattr(clients, "guardduty", GuardDuty)
    return asked


@pytest.mark.parametrize(("result", "final"), [(CLEAN, "CLEAN"), (INFECTED, "INFECTED")])
@pytest.mark.parametrize("told", [True, False], ids=["arrived", "all-lost"])
def test_lost_events_are_made_up_for(
    bucket: Bucket, items: Items, time: Clock, result: str, final: str, *, told: bool
) -> None:
    made = announce().json["id"]
    version = bucket.put(key_of(made))
    if told:
        noticed(key_of(made))
    bucket.tag(key_of(made), version, result)
    time.forward(minutes=10)
    swept()
    assert state(made) != final, "its events may still come"
    time.forward(minutes=50)
    swept()
    swept()
    assert state(made) == final
    assert len(events(items, made)) == 1


def test_what_never_arrives_is_gone_after_24_hours(bucket: Bucket, items: Items, time: Clock) -> None:
    made = announce().json["id"]
    time.forward(hours=24)
    swept()
    assert state(made) == "PENDING"
    time.forward(minutes=1)
    swept()
    assert usage(items) == {"files": 0, "bytes": 0}
    assert events(items, made) == []
    bucket.put(key_of(made))
    noticed(key_of(made))
    assert bucket.versions() == []


def test_a_fresh_address_gives_the_upload_another_24_hours(bucket: Bucket, time: Clock) -> None:
    made = announce(key="k").json["id"]
    time.forward(hours=23)
    again = announce(key="k").json
    assert (again["id"], again["upload"]["expiresAt"]) == (made, "2026-02-03T07:30:04.120Z")
    time.forward(hours=24)
    swept()
    assert state(made) == "PENDING"
    bucket.tag(key_of(made), bucket.put(key_of(made)), CLEAN)
    noticed(key_of(made))
    later = announce(key="k").json
    assert (later["id"], later["state"], later["upload"]) == (made, "CLEAN", None)
    gone = announce(key="l").json["id"]
    announce(key="l")
    time.forward(hours=24, minutes=1)
    swept()
    assert [each["id"] for each in listed().json] == [made]
    assert gone != made


def test_a_file_that_arrives_while_its_address_is_made_anew_is_answered_without_one(
    bucket: Bucket, dynamodb: DynamoDBClient
) -> None:
    made = announce(key="k").json["id"]
    bucket.put(key_of(made))
    before_write(dynamodb, lambda: noticed(key_of(made)), "UpdateItem")
    again = announce(key="k").json
    assert (again["id"], again["state"], again["upload"]) == (made, "SCANNING", None)


def test_a_scanner_that_says_nothing_is_asked_again(bucket: Bucket, time: Clock, rescans: list[Any]) -> None:
    made = announce().json["id"]
    version = bucket.put(key_of(made))
    noticed(key_of(made))
    swept()
    assert rescans == []
    time.forward(hours=1)
    swept()
    assert rescans == [{"Bucket": "files", "Key": key_of(made), "VersionId": version}]
    assert state(made) == "SCANNING"


def test_without_a_scanner_nobody_is_asked_again(
    bucket: Bucket, time: Clock, rescans: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file waits for who will decide about it, and is told of."""
    made = arrive(bucket, "FAILED")
    monkeypatch.setenv("ATTACHMENT_SCAN", "none")
    time.forward(hours=1)
    swept()
    assert (state(made), rescans) == ("SCANNING", [])


def test_objects_that_should_not_be_there_go_and_others_stay(bucket: Bucket, items: Items) -> None:
    kept, removed, rejected = arrive(bucket), arrive(bucket), arrive(bucket, INFECTED)
    (first,) = bucket.versions(key_of(kept))
    remove(removed)
    for made in (kept, removed, rejected):
        bucket.put(key_of(made))
    bucket.client.delete_object(Bucket="files", Key=key_of(kept))
    bucket.put(key_of(kept, "globex"))
    own = bucket.put("malware-protection-resource-validation-object")
    before = usage(items)
    swept()
    assert sorted(bucket.versions()) == sorted([first, own])
    assert usage(items) == before
    assert content(kept).status == 302


def test_a_clean_file_without_its_object_is_told(bucket: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    made = arrive(bucket)
    (version,) = bucket.versions()
    bucket.client.delete_object(Bucket="files", Key=key_of(made), VersionId=version)
    swept()
    assert '"FilesMissing":[1.0]' in capsys.readouterr().out


def test_a_scanning_file_without_its_object_is_told_once_a_run_and_not_given_up(
    bucket: Bucket, time: Clock, items: Items, rescans: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    made = announce().json["id"]
    version = bucket.put(key_of(made))
    noticed(key_of(made))
    bucket.client.delete_object(Bucket="files", Key=key_of(made), VersionId=version)
    for _ in range(2):
        time.forward(hours=25)
        swept()
        assert '"FilesMissing":[1.0]' in capsys.readouterr().out
    assert (state(made), usage(items)["files"], rescans) == ("SCANNING", 1, [])


def test_one_that_fails_holds_up_no_other_and_the_run_fails(
    bucket: Bucket, time: Clock, dynamodb: DynamoDBClient
) -> None:
    broken, whole = announce().json["id"], announce().json["id"]
    for made in (broken, whole):
        bucket.tag(key_of(made), bucket.put(key_of(made)), CLEAN)
    time.forward(hours=1)

    def fail(params: dict[str, Any], **_: Any) -> None:
        if broken in str(params["body"]):
            message = "a bug"
            raise RuntimeError(message)

    dynamodb.meta.events.register("before-call.dynamodb.GetItem", fail)
    with pytest.raises(NotAllSweptError):
        swept()
    assert state(whole) == "CLEAN"


def test_the_time_is_shared_and_what_is_left_comes_next(bucket: Bucket, time: Clock) -> None:
    made = [announce().json["id"] for _ in range(4)]
    for each in made:
        bucket.tag(key_of(each), bucket.put(key_of(each)), CLEAN)
    orphan = key_of("019c1f0e-7a3b-7c41-9d2e-000000000000")
    bucket.put(orphan)
    time.forward(hours=1)
    # Half of it goes to the files that wait, though they take longer; the rest is for the comparison.
    swept(Context(left=iter([900_000, 890_000, 600_000, 440_000, 300_000, 250_000, *[200_000] * 50])))
    assert [state(each) for each in made] == ["CLEAN", "CLEAN", "PENDING", "PENDING"]
    assert bucket.versions(orphan) == []
    swept()
    assert {state(each) for each in made} == {"CLEAN"}


# --- tickets that go for good ----------------------------------------------------------------------------------------


def expire(client: DynamoDBClient) -> dict[str, Any]:
    """Remove the ticket as TTL does, and return the record that the stream has of it."""
    key = to_item({"PK": PARTITION, "SK": "TICKET"})
    client.delete_item(TableName=TABLE, Key=key)
    return {"eventName": "REMOVE", "dynamodb": {"Keys": key, "SequenceNumber": "1"}}


def purge(record: dict[str, Any]) -> list[Any]:
    return list(purge_ticket.handler({"Records": [record]}, Context())["batchItemFailures"])


def test_a_ticket_that_expires_takes_its_files_along(bucket: Bucket, dynamodb: DynamoDBClient, items: Items) -> None:
    arrive(bucket)
    announce(key="k")
    bucket.put(key_of(announce().json["id"]))
    other = stored(dynamodb, a_ticket(id=TICKET_ID.replace("019c", "019d")))
    announce(path=f"/v1/tickets/{other.id}", content=b"x")
    foreign = bucket.put(f"acme/{other.id}/019c1f0e-7a3b-7c41-9d2e-000000000000")
    assert purge(expire(dynamodb)) == []
    assert {item["PK"]["S"] for item in items()} == {f"TENANT#acme#TICKET#{other.id}", "TENANT#acme#COUNTER"}
    assert usage(items)["bytes"] == 1
    assert bucket.versions() == [foreign]


def test_s3_may_fail_and_the_retry_finds_the_rest(bucket: Bucket, dynamodb: DynamoDBClient, items: Items) -> None:
    arrive(bucket)
    record = expire(dynamodb)
    for call in ("ListObjectVersions", "DeleteObjects"):
        bucket.fails = {call}
        assert len(purge(record)) == 1
        assert len(bucket.versions()) == 1
    bucket.fails = set()
    assert purge(record) == []
    assert bucket.versions() == []
    assert usage(items) == {"files": 0, "bytes": 0}
    assert {item["SK"]["S"] for item in items()} == {"ATTACHMENTS"}


def test_a_ticket_that_is_there_keeps_its_files(bucket: Bucket, dynamodb: DynamoDBClient, items: Items) -> None:
    made = arrive(bucket)
    before = items()
    key = to_item({"PK": PARTITION, "SK": "TICKET"})
    assert purge({"eventName": "REMOVE", "dynamodb": {"Keys": key, "SequenceNumber": "1"}}) == []
    assert AttachmentRemains(data_of(dynamodb, "acme"), files_of_tenant("acme")).purge(PARTITION) == 0
    assert items() == before
    assert content(made).status == 302


def test_files_go_though_the_tenants_bytes_are_no_longer_added_up(
    bucket: Bucket, dynamodb: DynamoDBClient, items: Items
) -> None:
    arrive(bucket)
    announce()
    dynamodb.delete_item(TableName=TABLE, Key=to_item({"PK": "TENANT#acme#COUNTER", "SK": "ATTACHMENTS"}))
    assert purge(expire(dynamodb)) == []
    assert (items(), bucket.versions()) == ([], [])


def test_what_arrives_then_goes_too(bucket: Bucket, dynamodb: DynamoDBClient, items: Items) -> None:
    made = announce().json["id"]
    dynamodb.delete_item(TableName=TABLE, Key=to_item({"PK": "TENANT#acme#COUNTER", "SK": "ATTACHMENTS"}))
    expire(dynamodb)
    bucket.put(key_of(made))
    assert noticed(key_of(made)) == bucket.versions() == []
    assert not [item for item in items() if item["SK"]["S"].startswith("ATTACHMENT#")]


def test_what_purging_gave_up_the_sweep_does(
    bucket: Bucket, dynamodb: DynamoDBClient, items: Items, log: Callable[[], list[dict[str, Any]]]
) -> None:
    arrive(bucket)
    arrive(bucket)
    other = stored(dynamodb, a_ticket(id=TICKET_ID.replace("019c", "019d")))
    announce(path=f"/v1/tickets/{other.id}", content=b"x")
    expire(dynamodb)
    swept()
    assert usage(items) == {"files": 0, "bytes": 1}
    assert bucket.versions() == []
    assert [item["PK"]["S"] for item in items() if item["SK"]["S"].startswith("ATTACHMENT#")] == [
        f"TENANT#acme#TICKET#{other.id}"
    ]
    (told,) = (line for line in log() if line["message"] == "sweepAttachments")
    assert (told["purged"], told["files"]) == (2, {"missing": 1})


def test_one_difference_that_fails_holds_up_no_other(bucket: Bucket, dynamodb: DynamoDBClient) -> None:
    made = [arrive(bucket) for _ in range(3)]
    for each in made:
        bucket.put(key_of(each))

    def fail(params: dict[str, Any], **_: Any) -> None:
        if made[0] in str(params["body"]):
            message = "a bug"
            raise RuntimeError(message)

    dynamodb.meta.events.register("before-call.dynamodb.GetItem", fail)
    with pytest.raises(NotAllSweptError):
        swept()
    assert [len(bucket.versions(key_of(each))) for each in made] == [2, 1, 1]


def test_the_files_of_a_ticket_in_the_trash_stay(bucket: Bucket, items: Items) -> None:
    made = arrive(bucket)
    trash()
    swept()
    assert usage(items)["files"] == 1
    restore()
    assert content(made).status == 302


def test_a_ticket_that_dynamodb_says_nothing_of_counts_as_there(
    bucket: Bucket, dynamodb: DynamoDBClient, items: Items, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(bucket)
    expire(dynamodb)

    def throttled(**asked: Any) -> Any:
        return {"Responses": {}, "UnprocessedKeys": asked["RequestItems"]}

    monkeypatch.setattr(dynamodb, "batch_get_item", throttled)
    swept()
    assert usage(items)["files"] == 1


def test_a_hundred_tickets_are_asked_for_at_once_and_no_more(
    bucket: Bucket, dynamodb: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(bucket)
    monkeypatch.setattr(sweep, "_AT_ONCE", 2)
    for number in range(4):
        announce(path=f"/v1/tickets/{stored(dynamodb, a_ticket(id=TICKET_ID[:-1] + str(number))).id}")
    asked: list[str] = []
    dynamodb.meta.events.register("before-call.dynamodb.BatchGetItem", lambda model, **_: asked.append(model.name))
    swept()
    assert len(asked) == 3
    asked.clear()
    swept(Context(left=iter([600_000] * 3 + [0] * 10)))
    assert asked == []


def test_a_tenants_objects_go_as_far_as_the_time_reaches(bucket: Bucket, dynamodb: DynamoDBClient) -> None:
    for number in range(3):
        bucket.put(f"acme/x/{number}", CONTENT)
    kept = bucket.put("acme-2/x/1")
    remains = AttachmentRemains(data_of(dynamodb, "acme"), files_of_tenant("acme"))
    never: Callable[[], bool] = lambda: False  # noqa: E731
    assert not remains.erase_objects(never)
    assert len(bucket.versions()) == 4
    assert remains.erase_objects(lambda: True)
    assert bucket.versions() == [kept]
