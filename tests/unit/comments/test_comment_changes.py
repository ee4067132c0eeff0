"""Comments that are changed, removed, repeated, that reopen a ticket, and that meet others; and who watches."""

from collections.abc import Callable
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.comments.support import (
    NOBODY_ID,
    by_place,
    choices,
    edit,
    history,
    listed,
    mention,
    read,
    remove,
    there,
    unwatch,
    watch,
    watches,
    write,
)
from tests.unit.conftest import Clock, Items
from tests.unit.support import (
    ADMIN,
    ADMIN_ID,
    AGENT,
    AGENT_ID,
    OTHER_ID,
    OTHER_REPORTER,
    REPORTER,
    REPORTER_ID,
    STRANGER,
    TABLE,
    TICKET_ID,
    Answer,
    StubbedLifecycle,
    a_ticket,
    cancelled,
    put_user,
)
from ticketing.access.identity import Caller
from ticketing.comments.models import CommentCreate
from ticketing.ids import derived_id
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Ticket
from ticketing.tickets.repository import TicketRepository

pytestmark = pytest.mark.usefixtures("people")

KEY = {"PK": {"S": f"TENANT#acme#TICKET#{TICKET_ID}"}, "SK": {"S": "TICKET"}}


@pytest.fixture(autouse=True)
def ticket(dynamodb: DynamoDBClient, time: Clock) -> Ticket:
    """Put REPORTER's ticket there; by the time that anybody comments it is a minute old."""
    made = there(dynamodb, a_ticket())
    time.forward(minutes=1)
    return made


@pytest.fixture
def meanwhile(dynamodb: DynamoDBClient) -> Callable[[Callable[[], object]], None]:
    """Return what lets somebody else do something between the reads and the write of the next request."""

    def arrange(action: Callable[[], object]) -> None:
        once = iter([action])

        def act(**_kwargs: Any) -> None:
            if now := next(once, None):
                now()

        dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", act)

    return arrange


def close(client: DynamoDBClient) -> None:
    client.update_item(
        TableName=TABLE,
        Key=KEY,
        UpdateExpression="SET #status = :closed, #version = #version + :one",
        ExpressionAttributeNames={"#status": "status", "#version": "version"},
        ExpressionAttributeValues={":closed": {"S": "CLOSED"}, ":one": {"N": "1"}},
    )


# --- changed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("visibility", ["public", "internal"])
def test_a_comment_gets_another_text(items: Items, time: Clock, visibility: str) -> None:
    comment = write(mention(OTHER_ID) if visibility == "public" else "first", visibility=visibility).json
    before = by_place(items, "TICKET")
    time.forward(minutes=15)
    answer = edit(comment["id"], f"  {mention(ADMIN_ID)}  ")
    assert answer.status == 200
    changed = {"body": mention(ADMIN_ID), "mentions": [ADMIN_ID], "updatedAt": "2026-02-02T08:31:04.120Z"}
    assert answer.json == comment | changed | {"edited": True}
    assert read(comment["id"]).json == answer.json
    assert by_place(items, "TICKET") == before
    event = history().json[-1]
    assert (event["type"], event["commentId"], event["changes"]) == ("CommentUpdated", comment["id"], {})
    assert (event["visibility"], event["mentions"], event["occurredAt"]) == (
        visibility,
        [ADMIN_ID],
        "2026-02-02T08:31:04.120Z",
    )


def test_the_same_text_is_no_change(items: Items) -> None:
    comment = write("same").json
    before = items()
    assert edit(comment["id"], " same ").json == comment
    assert items() == before


@pytest.mark.parametrize("body", ["", " ", "a\x00", "x" * 10_001, {}, {"visibility": "internal"}, {"body": None}])
def test_a_bad_text_is_refused(items: Items, body: Any) -> None:
    comment = write().json
    before = items()
    assert edit(comment["id"], body).error == (400, "bad_request")
    assert items() == before


def test_who_was_mentioned_before_stays_and_who_is_anew_is_looked_at(dynamodb: DynamoDBClient, items: Items) -> None:
    comment = write(mention(OTHER_ID)).json
    put_user(dynamodb, OTHER_REPORTER, active=False)
    assert edit(comment["id"], mention(OTHER_ID) + "!").status == 200
    before = items()
    answer = edit(comment["id"], mention(OTHER_ID, NOBODY_ID))
    assert answer.error == (422, "invalid_reference")
    assert answer.details == [f"body: @[{NOBODY_ID}] is no active user of this tenant"]
    assert items() == before


@pytest.mark.parametrize("change", [edit, remove], ids=["edit", "remove"])
@pytest.mark.parametrize(
    ("caller", "minutes"),
    [
        pytest.param(REPORTER, 15.01, id="author, too late"),
        pytest.param(AGENT, 0, id="another"),
        pytest.param(ADMIN, 0, id="admin"),
    ],
)
def test_who_may_not_change_a_comment(
    items: Items, time: Clock, change: Callable[..., Answer], caller: Caller, minutes: float
) -> None:
    comment = write(caller=REPORTER).json
    time.forward(minutes=minutes)
    before = items()
    answer = change(comment["id"], *(["other"] if change is edit else []), caller=caller)
    if change is remove and caller is ADMIN:
        assert answer.status == 204
    else:
        assert answer.error == (403, "forbidden")
        assert items() == before


@pytest.mark.parametrize("change", [edit, remove], ids=["edit", "remove"])
@pytest.mark.parametrize(
    ("caller", "error"),
    [
        pytest.param(OTHER_REPORTER, (404, "ticket_not_found"), id="another reporter"),
        pytest.param(STRANGER, (404, "ticket_not_found"), id="another tenant"),
        pytest.param(REPORTER, (404, "comment_not_found"), id="the reporter, of an internal one"),
    ],
)
def test_what_one_may_not_see_one_can_not_change(
    items: Items, change: Callable[..., Answer], caller: Caller, error: tuple[int, str]
) -> None:
    comment = write(visibility="internal").json
    before = items()
    assert change(comment["id"], *(["other"] if change is edit else []), caller=caller).error == error
    assert items() == before


def test_on_a_closed_ticket_nothing_is_written_but_a_comment_can_go(dynamodb: DynamoDBClient, items: Items) -> None:
    comment = write().json
    close(dynamodb)
    before = items()
    assert edit(comment["id"], "other").error == (409, "ticket_closed")
    assert write().error == (409, "ticket_closed")
    assert items() == before
    assert read(comment["id"]).status == 200
    assert remove(comment["id"], ADMIN).status == 204


# --- removed ---------------------------------------------------------------------------------------------------------


def test_a_comment_that_is_removed_leaves_no_text(items: Items, time: Clock) -> None:
    comment = write("the secret", REPORTER).json
    before = by_place(items, "TICKET")
    time.forward(hours=100)
    assert remove(comment["id"], ADMIN).status == 204
    assert read(comment["id"]).error == (404, "comment_not_found")
    assert listed().json == []
    assert "secret" not in str(items())
    assert by_place(items, "TICKET") == before
    event = history(REPORTER).json[-1]
    assert (event["type"], event["commentId"], event["actor"]["id"]) == ("CommentDeleted", comment["id"], ADMIN_ID)
    assert remove(comment["id"], ADMIN).error == (404, "comment_not_found")


# --- repeated --------------------------------------------------------------------------------------------------------


def test_a_repeat_with_the_same_key_makes_nothing_new(items: Items, time: Clock) -> None:
    made = write("once", key="k").json
    edit(made["id"], "once, edited")
    before = items()
    time.forward(days=1)
    again = write("once", key="k")
    assert (again.status, again.json["id"], again.json["body"]) == (201, made["id"], "once, edited")
    assert items() == before
    assert "requestHash" not in again.json


def test_a_key_belongs_to_its_user_and_ticket(dynamodb: DynamoDBClient) -> None:
    there(dynamodb, a_ticket(id=NOBODY_ID))
    answers = [write(key="k"), write(key="k", caller=ADMIN), write(key="k", path=f"/v1/tickets/{NOBODY_ID}")]
    assert [answer.status for answer in answers] == [201] * 3
    assert len({answer.json["id"] for answer in answers}) == 3


@pytest.mark.parametrize("other", [{"body": "twice"}, {"body": "once", "visibility": "internal"}])
def test_a_key_is_not_taken_for_another_body(items: Items, other: dict[str, str]) -> None:
    write("once", key="k")
    before = items()
    assert write(other, key="k").error == (422, "idempotency_key_reused")
    assert items() == before


def test_a_key_whose_comment_was_removed_makes_none_again(items: Items) -> None:
    remove(write("once", key="k").json["id"])
    before = items()
    assert write("once", key="k").error == (409, "conflict")
    assert items() == before


def test_a_repeat_is_answered_on_a_closed_ticket_too(dynamodb: DynamoDBClient) -> None:
    made = write("once", key="k").json
    close(dynamodb)
    assert (write("once", key="k").status, write("once", key="k").json["id"]) == (201, made["id"])
    assert write("once", key="another").error == (409, "ticket_closed")


@pytest.mark.parametrize("key", ["a b", "x" * 256, "\u00e9"])
def test_a_bad_key_is_refused(items: Items, key: str) -> None:
    before = items()
    assert write(key=key).error == (400, "bad_request")
    assert items() == before


# --- a ticket that is RESOLVED ---------------------------------------------------------------------------------------


def resolved(client: DynamoDBClient, **values: Any) -> Ticket:
    client.delete_item(TableName=TABLE, Key={"PK": KEY["PK"], "SK": {"S": "EVENT#0000000001"}})
    client.delete_item(TableName=TABLE, Key=KEY)
    return there(client, a_ticket(status=Status.RESOLVED, **values))


def test_its_reporters_comment_goes_to_the_state_machine(
    dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle, items: Items
) -> None:
    ticket = resolved(dynamodb)
    before = items()
    now = {"status": Status.OPEN, "version": 2, "updated_at": "2026-03-01T00:00:00.000Z"}
    lifecycle.decides("MOVED", ticket.model_copy(update=now), commentId="c")
    answer = write(mention(ADMIN_ID, REPORTER_ID), REPORTER, key="k")
    assert answer.status == 201
    assert [answer.json[name] for name in ("id", "createdAt", "updatedAt")] == ["c", *[now["updated_at"]] * 2]
    assert items() == before, "the state machine writes all of it"
    (sent,) = lifecycle.inputs
    assert (sent["to"], sent["expectedVersion"], sent["fields"]) == ("OPEN", 1, {})
    assert sent["actor"] == {"id": REPORTER_ID, "role": "reporter"}
    said = sent["newComment"]
    assert (said["body"], said["mentions"]) == (mention(ADMIN_ID, REPORTER_ID), [ADMIN_ID, REPORTER_ID])
    assert said["key"] == derived_id("acme", REPORTER_ID, "k")
    assert said["requestHash"] == CommentCreate.model_validate({"body": said["body"]}).fingerprint()


@pytest.mark.parametrize(
    ("caller", "reporter_id", "visibility"),
    [
        pytest.param(AGENT, REPORTER_ID, "public", id="somebody else's comment"),
        pytest.param(AGENT, AGENT_ID, "internal", id="an internal comment of its reporter"),
    ],
)
@pytest.mark.usefixtures("lifecycle")
def test_other_comments_leave_it_resolved(
    dynamodb: DynamoDBClient, acme: TicketRepository, caller: Caller, reporter_id: str, visibility: str
) -> None:
    resolved(dynamodb, reporter_id=reporter_id)
    assert write(caller=caller, visibility=visibility).status == 201
    now = acme.get(TICKET_ID)
    assert now is not None
    assert now.status is Status.RESOLVED


def test_a_move_that_lost_a_race_is_decided_anew(
    dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle, acme: TicketRepository
) -> None:
    """Somebody else has reopened the ticket meanwhile: now the comment is one like any other."""
    ticket = resolved(dynamodb)
    lifecycle.decides("VERSION_MISMATCH", ticket.model_copy(update={"version": 2}))
    reads = iter([None])

    def reopen(**_kwargs: Any) -> None:
        for _ in reads:
            return
        dynamodb.meta.events.unregister("before-call.dynamodb.GetItem", unique_id="reopen")
        dynamodb.update_item(
            TableName=TABLE,
            Key=KEY,
            UpdateExpression="SET #status = :open",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":open": {"S": "OPEN"}},
        )

    dynamodb.meta.events.register("before-call.dynamodb.GetItem", reopen, unique_id="reopen")
    assert write(caller=REPORTER).status == 201
    now = acme.get(TICKET_ID)
    assert now is not None
    assert (now.status, now.version) == (Status.OPEN, 2)


def test_who_is_mentioned_is_looked_up_before_the_move(dynamodb: DynamoDBClient, items: Items) -> None:
    resolved(dynamodb)
    before = items()
    answer = write(mention(ADMIN_ID, NOBODY_ID), REPORTER)
    assert answer.error == (422, "invalid_reference")
    assert items() == before


def test_a_repeat_that_would_reopen_again_makes_nothing_new(
    dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle
) -> None:
    made = write("once", REPORTER, key="k").json
    dynamodb.update_item(
        TableName=TABLE,
        Key=KEY,
        UpdateExpression="SET #status = :resolved",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":resolved": {"S": "RESOLVED"}},
    )
    lifecycle.decides("ALREADY_THERE", a_ticket(status=Status.RESOLVED))
    again = write("once", REPORTER, key="k")
    assert (again.status, again.json) == (201, made)


@pytest.mark.usefixtures("lifecycle")
def test_a_repeat_that_mentions_somebody_who_left_since_makes_nothing_new(dynamodb: DynamoDBClient) -> None:
    made = write(mention(ADMIN_ID), REPORTER, key="k").json
    put_user(dynamodb, ADMIN, active=False)
    assert write(mention(ADMIN_ID), REPORTER, key="k").json == made
    dynamodb.update_item(
        TableName=TABLE,
        Key=KEY,
        UpdateExpression="SET #status = :resolved",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":resolved": {"S": "RESOLVED"}},
    )
    assert write(mention(ADMIN_ID), REPORTER, key="k").json == made


@pytest.mark.parametrize(
    ("outcome", "error"),
    [("CONFLICT", (409, "conflict")), ("TICKET_NOT_FOUND", (404, "ticket_not_found"))],
)
def test_what_the_state_machine_refuses_is_refused(
    dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle, outcome: str, error: tuple[int, str]
) -> None:
    ticket = resolved(dynamodb)
    lifecycle.decides(outcome, None if error[0] == 404 else ticket)
    assert write(caller=REPORTER).error == error


# --- meeting others --------------------------------------------------------------------------------------------------


def test_a_comment_that_lost_a_race_is_decided_anew(
    acme: TicketRepository, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    meanwhile(lambda: write("the other"))
    assert write("the loser").status == 201
    now = acme.get(TICKET_ID)
    assert now is not None
    assert now.version == 3
    assert [comment["body"] for comment in listed().json] == ["the other", "the loser"], "in the order of writing"


@pytest.mark.parametrize("visibility", ["public", "internal"])
def test_a_ticket_that_is_closed_meanwhile_takes_no_comment(
    dynamodb: DynamoDBClient,
    items: Items,
    meanwhile: Callable[[Callable[[], object]], None],
    visibility: str,
) -> None:
    meanwhile(lambda: close(dynamodb))
    assert write(visibility=visibility).error == (409, "ticket_closed")
    assert by_place(items, "COMMENT") == []


def test_a_comment_that_is_removed_meanwhile_is_not_written_again(
    items: Items, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    comment = write().json
    meanwhile(lambda: remove(comment["id"], ADMIN))
    assert edit(comment["id"], "other").error == (404, "comment_not_found")
    assert by_place(items, "COMMENT") == []


def test_somebody_who_is_deactivated_meanwhile_is_not_mentioned(
    dynamodb: DynamoDBClient, items: Items, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    meanwhile(lambda: put_user(dynamodb, ADMIN, active=False))
    assert write(mention(ADMIN_ID)).error == (422, "invalid_reference")
    assert by_place(items, "COMMENT") == []


def test_others_who_are_always_first_are_a_conflict(dynamodb: DynamoDBClient, monkeypatch: pytest.MonkeyPatch) -> None:
    comment = write().json
    waits: list[float] = []
    monkeypatch.setattr("ticketing.dynamodb.transactions.time.sleep", waits.append)

    def lose(**_kwargs: Any) -> None:
        raise cancelled(dynamodb, "TransactionConflict", "None", "None")

    dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", lose)
    for answer in (write(), edit(comment["id"], "other"), remove(comment["id"])):
        assert answer.error == (409, "conflict")
    assert len(waits) == 3 * 9
    assert sum(waits) < 3 * 5.2
    assert watch().error == unwatch().error == (409, "conflict")


def test_a_throttled_write_is_503_and_nothing_is_half_done(dynamodb: DynamoDBClient, items: Items) -> None:
    before = items()

    def throttle(**_kwargs: Any) -> None:
        raise cancelled(dynamodb, "None", "None", "ThrottlingError")

    dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", throttle)
    assert write().error == (503, "service_unavailable")
    assert items() == before


# --- watching --------------------------------------------------------------------------------------------------------


def test_reporter_and_assignee_watch_by_themselves(dynamodb: DynamoDBClient) -> None:
    there(dynamodb, a_ticket(id=NOBODY_ID, assigned_to_id=AGENT_ID))
    path = f"/v1/tickets/{NOBODY_ID}"
    assert [watches(each, path=path).json["watching"] for each in (REPORTER, AGENT, ADMIN)] == [True, True, False]


@pytest.mark.parametrize("caller", [REPORTER, AGENT])
def test_a_choice_is_kept(items: Items, caller: Caller) -> None:
    before = by_place(items, "TICKET")
    for choose, chosen in ((watch, True), (watch, True), (unwatch, False), (unwatch, False), (watch, True)):
        answer = choose(caller)
        assert (answer.status, answer.text) == (204, "")
        assert watches(caller).json == {"watching": chosen}
    assert by_place(items, "TICKET") == before


def test_who_chose_not_to_watch_stays_with_it(dynamodb: DynamoDBClient) -> None:
    unwatch(REPORTER)
    unwatch(ADMIN)
    write(mention(REPORTER_ID, ADMIN_ID))
    assert choices(dynamodb) == {REPORTER_ID: False, ADMIN_ID: False}


@pytest.mark.parametrize("operation", [watch, unwatch, watches])
@pytest.mark.parametrize("caller", [OTHER_REPORTER, STRANGER])
def test_what_one_may_not_see_one_can_not_watch(
    items: Items, operation: Callable[[Caller], Answer], caller: Caller
) -> None:
    before = items()
    assert operation(caller).error == (404, "ticket_not_found")
    assert items() == before


def test_a_ticket_that_goes_meanwhile_is_not_watched(
    dynamodb: DynamoDBClient, items: Items, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    meanwhile(lambda: dynamodb.delete_item(TableName=TABLE, Key=KEY))
    assert watch().error == (404, "ticket_not_found")
    assert by_place(items, "WATCHER") == []
