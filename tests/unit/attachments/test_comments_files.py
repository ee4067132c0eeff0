"""Files that belong to comments: tied in the comment's transaction, seen as the comment is, gone with it."""

from collections.abc import Callable
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from functions.comments import delete_comment
from tests.unit.attachments.support import Bucket, announce, content, key_of, listed, noticed, read, remove, swept
from tests.unit.attachments.test_announcing import NEVER, usage
from tests.unit.attachments.test_arriving import CLEAN, INFECTED, arrive, before_write, events
from tests.unit.comments.support import by_place, write
from tests.unit.comments.support import listed as comments
from tests.unit.comments.support import read as read_comment
from tests.unit.comments.support import remove as remove_comment
from tests.unit.conftest import Clock, Items
from tests.unit.support import (
    ADMIN,
    AGENT,
    AGENT_ID,
    REPORTER,
    TABLE,
    TICKET_ID,
    StubbedLifecycle,
    a_ticket,
    api_event,
    put_item,
    send,
    stored,
)
from ticketing.access.identity import Caller
from ticketing.aws import clients
from ticketing.dynamodb.attributes import to_item
from ticketing.tickets.lifecycle import Status


def tied(caller: Caller, *files: str, **values: Any) -> str:
    """Write a comment with files and return its id."""
    answer = write("See there.", caller, attachmentIds=list(files), **values)
    assert (answer.status, answer.json["attachmentIds"]) == (201, list(files))
    return str(answer.json["id"])


def test_files_are_tied_with_the_comment_in_whatever_state_they_are(bucket: Bucket, items: Items) -> None:
    clean, pending = arrive(bucket), announce().json["id"]
    comment = tied(REPORTER, clean, pending)
    assert [each["commentId"] for each in listed().json] == [comment] * 2
    assert read_comment(comment).json["attachmentIds"] == [clean, pending]
    assert comments().json[0]["attachmentIds"] == [clean, pending]
    version = bucket.put(key_of(pending))
    bucket.tag(key_of(pending), version, CLEAN)
    noticed(key_of(pending))
    (told,) = events(items, pending)
    assert (told["eventType"], told["commentId"], told["visibility"]) == ("AttachmentAdded", comment, "public")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda _bucket: announce(AGENT).json["id"], id="another's"),
        pytest.param(lambda bucket: arrive(bucket, INFECTED), id="rejected"),
        pytest.param(lambda _bucket: tied_before(), id="another comment's"),
        pytest.param(lambda _bucket: elsewhere(), id="another ticket's"),
        pytest.param(lambda _bucket: NEVER, id="none"),
        pytest.param(lambda _bucket: AGENT_ID, id="a person"),
    ],
)
def test_other_files_are_refused_and_nothing_is_written(
    bucket: Bucket, items: Items, make: Callable[[Bucket], str]
) -> None:
    wrong, right = make(bucket), announce().json["id"]
    before = items()
    answer = write(f"@[{AGENT_ID}]", REPORTER, attachmentIds=[right, wrong])
    assert answer.error == (422, "invalid_reference")
    rule = "a file that you uploaded to this ticket, that was not rejected and is in no comment yet"
    assert answer.details == [f"attachmentIds: {wrong} must be {rule}"]
    assert items() == before


def tied_before() -> str:
    made = str(announce().json["id"])
    tied(REPORTER, made)
    return made


def elsewhere() -> str:
    other = stored(clients.dynamodb(), a_ticket(id=TICKET_ID.replace("019c", "019d")))
    return str(announce(path=f"/v1/tickets/{other.id}").json["id"])


@pytest.mark.parametrize(
    ("ids", "detail"),
    [
        (["x"], "attachmentIds.0: must be a UUID"),
        ([NEVER] * 21, "attachmentIds: List should have at most 20 items after validation, not 21"),
        ("x", "attachmentIds: Input should be a valid list"),
    ],
)
def test_bad_ids_are_refused(ids: Any, detail: str) -> None:
    answer = write("x", REPORTER, attachmentIds=ids)
    assert answer.error == (400, "bad_request")
    assert answer.details == [detail]


def test_a_comment_has_20_files_at_most_each_once(items: Items) -> None:
    made = [announce().json["id"] for _ in range(20)]
    comment = tied(REPORTER, *made)
    assert remove_comment(comment, REPORTER).status == 204
    assert usage(items) == {"files": 0, "bytes": 0}
    once = announce().json["id"]
    assert write("x", REPORTER, attachmentIds=[once, once]).json["attachmentIds"] == [once]


def test_they_are_seen_as_the_comment_is(bucket: Bucket, items: Items) -> None:
    hidden, shown = announce(AGENT, visibility="internal").json["id"], arrive(bucket)
    tied(AGENT, hidden, visibility="public")
    assert read(hidden, REPORTER).json["visibility"] == "public"
    assert [each["id"] for each in listed(REPORTER).json] == [hidden, shown]
    inside = announce(AGENT).json["id"]
    tied(AGENT, inside, visibility="internal")
    assert read(inside, REPORTER).error == (404, "attachment_not_found")
    version = bucket.put(key_of(inside))
    bucket.tag(key_of(inside), version, CLEAN)
    noticed(key_of(inside))
    (told,) = events(items, inside)
    assert told["visibility"] == "internal"
    assert content(inside, REPORTER).error == (404, "attachment_not_found")
    assert content(inside, AGENT).status == 302


def test_a_comment_that_goes_takes_its_files_along(bucket: Bucket, items: Items) -> None:
    mine, other = arrive(bucket), arrive(bucket)
    comment = tied(REPORTER, mine)
    (kept,) = bucket.versions(key_of(other))
    assert remove_comment(comment, REPORTER).status == 204
    assert bucket.versions() == [kept]
    assert [each["id"] for each in listed().json] == [other]
    assert usage(items)["files"] == 1
    assert [each["eventType"] for each in events(items, mine)] == ["AttachmentAdded", "AttachmentRemoved"]
    assert {each["eventType"] for each in by_place(items, "EVENT#") if each.get("commentId") == comment} == {
        "CommentAdded",
        "CommentDeleted",
        "AttachmentRemoved",
    }


def test_a_file_that_goes_leaves_its_comment(bucket: Bucket) -> None:
    first, second = arrive(bucket), arrive(bucket)
    comment = tied(REPORTER, first, second)
    assert remove(first).status == 204
    assert read_comment(comment).json["attachmentIds"] == [second]
    assert remove_comment(comment, REPORTER).status == 204
    assert bucket.versions() == []


def test_a_file_and_its_comment_that_go_at_once_go_once(bucket: Bucket, dynamodb: DynamoDBClient, items: Items) -> None:
    first, second = arrive(bucket), arrive(bucket)
    comment = tied(REPORTER, first, second)
    before_write(dynamodb, lambda: remove(first))
    assert remove_comment(comment, REPORTER).status == 204
    assert usage(items) == {"files": 0, "bytes": 0}
    assert bucket.versions() == []


def test_a_result_that_comes_while_the_comment_is_deleted_is_lost_with_it(
    bucket: Bucket, dynamodb: DynamoDBClient, items: Items
) -> None:
    made = announce().json["id"]
    comment = tied(REPORTER, made)
    bucket.tag(key_of(made), bucket.put(key_of(made)), CLEAN)
    before_write(dynamodb, lambda: remove_comment(comment, REPORTER))
    assert noticed(key_of(made)) == []
    assert bucket.versions() == []
    assert [each["eventType"] for each in events(items, made)] == ["AttachmentRemoved"]


def test_a_tied_file_that_never_arrives_leaves_its_comment(time: Clock) -> None:
    made = announce().json["id"]
    comment = tied(REPORTER, made)
    time.forward(hours=25)
    swept()
    assert read_comment(comment).json["attachmentIds"] == []


def test_a_retry_is_the_same_comment_though_its_files_are_tied() -> None:
    made = announce().json["id"]
    first = write("x", REPORTER, attachmentIds=[made], key="k")
    again = write("x", REPORTER, attachmentIds=[made], key="k")
    assert (again.status, again.json) == (201, first.json)
    assert write("x", REPORTER, key="k").error == (422, "idempotency_key_reused")


# --- reopening -------------------------------------------------------------------------------------------------------


@pytest.fixture
def resolved(dynamodb: DynamoDBClient) -> None:
    key = to_item({"PK": f"TENANT#acme#TICKET#{TICKET_ID}", "SK": "TICKET"})
    dynamodb.update_item(
        TableName=TABLE,
        Key=key,
        UpdateExpression="SET #s = :r",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":r": {"S": "RESOLVED"}},
    )


@pytest.mark.usefixtures("resolved")
def test_reopening_hands_the_files_to_the_state_machine(lifecycle: StubbedLifecycle) -> None:
    made = announce().json["id"]
    lifecycle.decides("MOVED", a_ticket(status=Status.OPEN, version=2), commentId="c1")
    answer = write("It is back.", REPORTER, attachmentIds=[made])
    assert (answer.status, answer.json["attachmentIds"]) == (201, [made])
    assert lifecycle.inputs[0]["newComment"]["attachmentIds"] == [made]


@pytest.mark.usefixtures("resolved")
def test_reopening_is_refused_for_other_files(lifecycle: StubbedLifecycle) -> None:
    wrong = announce(AGENT).json["id"]
    answer = write("It is back.", REPORTER, attachmentIds=[wrong])
    assert answer.error == (422, "invalid_reference")
    assert lifecycle.inputs == []


def test_a_comment_of_before_has_no_files(dynamodb: DynamoDBClient) -> None:
    made = write("x", REPORTER).json["id"]
    row = {"PK": {"S": f"TENANT#acme#TICKET#{TICKET_ID}"}, "SK": {"S": f"COMMENT#{made}"}}
    item = dynamodb.get_item(TableName=TABLE, Key=row)["Item"]
    del item["attachmentIds"]
    put_item(TABLE, dict(item))
    assert read_comment(made).json["attachmentIds"] == []
    event = api_event("DELETE", f"/v1/tickets/{TICKET_ID}/comments/{made}", caller=ADMIN)
    assert send(delete_comment.handler, event).status == 204
