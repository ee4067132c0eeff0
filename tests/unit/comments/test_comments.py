"""Comments as their callers see them: written, read, listed, and what they do to the ticket."""

from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.comments.support import (
    COMMENTS_PATH,
    NOBODY_ID,
    by_place,
    choices,
    history,
    listed,
    mention,
    read,
    there,
    write,
)
from tests.unit.conftest import Clock, Items
from tests.unit.support import (
    ADMIN,
    ADMIN_ID,
    AGENT,
    AGENT_ID,
    MOMENT_TEXT,
    OTHER_ID,
    OTHER_REPORTER,
    REPORTER,
    REPORTER_ID,
    STRANGER,
    TICKET_ID,
    a_ticket,
    put_user,
)
from ticketing.access.identity import Caller
from ticketing.comments.models import mentions_in
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Ticket
from ticketing.tickets.queries import TicketFilter
from ticketing.tickets.repository import TicketRepository

LATER = "2026-02-02T08:16:04.120Z"

pytestmark = pytest.mark.usefixtures("people")


@pytest.fixture(autouse=True)
def ticket(dynamodb: DynamoDBClient, time: Clock) -> Ticket:
    """Put REPORTER's ticket there; by the time that anybody comments it is a minute old."""
    made = there(dynamodb, a_ticket())
    time.forward(minutes=1)
    return made


# --- what is written -------------------------------------------------------------------------------------------------


def test_a_comment_is_answered_whole() -> None:
    answer = write("  **Bold** text,\n  with a second line.  \n", REPORTER)
    comment_id = answer.json["id"]
    assert answer.status == 201
    assert answer.json == {
        "id": comment_id,
        "ticketId": TICKET_ID,
        "authorId": REPORTER_ID,
        "body": "**Bold** text,\n  with a second line.",
        "visibility": "public",
        "mentions": [],
        "attachmentIds": [],
        "createdAt": LATER,
        "updatedAt": LATER,
        "edited": False,
    }
    assert answer.headers["Location"] == f"{COMMENTS_PATH}/{comment_id}"
    assert comment_id[14] == "7", "ordered by time"
    assert read(comment_id, REPORTER).json == answer.json
    assert listed(REPORTER).json == [answer.json]


@pytest.mark.parametrize("body", ["x", "x" * 10_000, "\U0001f3ab" * 10_000, "<b>&amp;</b> `@[nobody]` \u202e"])
def test_markdown_is_kept_as_it_came(body: str) -> None:
    assert write(body).json["body"] == body


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        pytest.param("", "body: String should have at least 1 character", id="empty"),
        pytest.param(" \n\t ", "body: String should have at least 1 character", id="white space"),
        pytest.param("a\x00b", "body: must not contain the control character U+0000", id="NUL"),
        pytest.param("x" * 10_001, "body: String should have at most 10000 characters", id="too long"),
        pytest.param(
            mention(*(f"{n:08d}-0000-4000-8000-000000000000" for n in range(21))),
            "body: mentions more than 20 people",
            id="too many mentions",
        ),
        pytest.param({}, "body: is missing", id="nothing"),
        pytest.param({"body": "x", "visibility": "secret"}, "visibility: must be one of public, internal", id="secret"),
        pytest.param({"body": "x", "authorId": OTHER_ID}, "authorId: unknown field", id="somebody else"),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(items: Items, body: Any, detail: str) -> None:
    before = items()
    answer = write(body)
    assert answer.error == (400, "bad_request")
    assert answer.details == [detail]
    assert items() == before


@pytest.mark.parametrize(
    ("ticket_values", "caller", "error"),
    [
        pytest.param({"status": Status.CLOSED}, AGENT, (409, "ticket_closed"), id="closed"),
        pytest.param({"deleted_at": MOMENT_TEXT}, ADMIN, (404, "ticket_not_found"), id="deleted"),
        pytest.param({}, OTHER_REPORTER, (404, "ticket_not_found"), id="another reporter's"),
        pytest.param({"assigned_to_id": OTHER_ID}, OTHER_REPORTER, (404, "ticket_not_found"), id="assigned"),
        pytest.param({}, STRANGER, (404, "ticket_not_found"), id="another tenant's"),
    ],
)
def test_where_nobody_comments(
    dynamodb: DynamoDBClient, items: Items, ticket_values: dict[str, Any], caller: Caller, error: tuple[int, str]
) -> None:
    ticket = there(dynamodb, a_ticket(id=NOBODY_ID, **ticket_values))
    before = items()
    assert write(caller=caller, path=f"/v1/tickets/{ticket.id}").error == error
    assert items() == before


@pytest.mark.parametrize("ticket_id", [NOBODY_ID, "no-uuid"])
def test_a_ticket_that_is_not_there_has_no_comments(ticket_id: str) -> None:
    for answer in (write(path=f"/v1/tickets/{ticket_id}"), listed(path=f"/v1/tickets/{ticket_id}")):
        assert answer.error == (404, "ticket_not_found")


@pytest.mark.parametrize("comment_id", [NOBODY_ID, "no-uuid"])
def test_a_comment_that_is_not_there_is_404(comment_id: str) -> None:
    assert read(comment_id).error == (404, "comment_not_found")


# --- what it does to the ticket --------------------------------------------------------------------------------------


def test_a_public_comment_is_the_tickets_next_version(acme: TicketRepository, dynamodb: DynamoDBClient) -> None:
    newer = there(dynamodb, a_ticket(id=NOBODY_ID, number=2, updated_at="2026-02-02T08:15:30.000Z"))
    write(caller=REPORTER)
    now = acme.get(TICKET_ID)
    assert now is not None
    assert (now.version, now.updated_at) == (2, LATER)
    page = acme.list(TicketFilter(), limit=25, cursor=None)
    assert [each.id for each in page.items] == [TICKET_ID, newer.id]


def test_an_internal_comment_leaves_the_ticket_as_it_is(items: Items) -> None:
    before = by_place(items, "TICKET")
    assert write(visibility="internal").status == 201
    assert by_place(items, "TICKET") == before


@pytest.mark.parametrize(
    ("caller", "reporter_id", "visibility", "answers"),
    [
        pytest.param(AGENT, REPORTER_ID, "public", True, id="agent"),
        pytest.param(ADMIN, REPORTER_ID, "public", True, id="admin"),
        pytest.param(AGENT, REPORTER_ID, "internal", False, id="agent, internal"),
        pytest.param(REPORTER, REPORTER_ID, "public", False, id="the reporter"),
        pytest.param(AGENT, AGENT_ID, "public", False, id="agent who reported it"),
    ],
)
def test_the_first_answer_is_remembered(
    dynamodb: DynamoDBClient,
    acme: TicketRepository,
    caller: Caller,
    reporter_id: str,
    visibility: str,
    *,
    answers: bool,
) -> None:
    there(dynamodb, a_ticket(id=NOBODY_ID, reporter_id=reporter_id))
    write(caller=caller, path=f"/v1/tickets/{NOBODY_ID}", visibility=visibility)
    now = acme.get(NOBODY_ID)
    assert now is not None
    assert now.first_responded_at == (LATER if answers else None)
    event = acme.history(NOBODY_ID, limit=25, cursor=None).items[-1]
    changes = {name: change.model_dump(by_alias=True) for name, change in event.changes.items()}
    assert changes == ({"firstRespondedAt": {"from": None, "to": LATER}} if answers else {})


def test_the_second_answer_is_not_the_first(acme: TicketRepository, time: Clock) -> None:
    write()
    time.forward(hours=1)
    write(caller=ADMIN)
    now = acme.get(TICKET_ID)
    assert now is not None
    assert (now.version, now.first_responded_at) == (3, LATER)


# --- events ----------------------------------------------------------------------------------------------------------


def test_an_event_names_the_comment_and_not_its_text(items: Items) -> None:
    public = write(mention(REPORTER_ID) + " secret").json
    internal = write("secret", visibility="internal").json
    events = by_place(items, "EVENT#0000000002")
    assert [(event["SK"], event["version"]) for event in events] == [
        (f"EVENT#0000000002#{event['eventId']}", 2) for event in events
    ]
    assert [(event["commentId"], event["visibility"], event["mentions"]) for event in events] == [
        (public["id"], "public", [REPORTER_ID]),
        (internal["id"], "internal", []),
    ]
    for event in events:
        assert (event["eventType"], event["actorId"], event["occurredAt"]) == ("CommentAdded", AGENT_ID, LATER)
        assert event["ticket"]["reporterId"] == REPORTER_ID
        assert "secret" not in str(event)


def test_history_tells_of_comments() -> None:
    comment = write(mention(REPORTER_ID)).json
    event = history().json[-1]
    assert (event["type"], event["version"], event["comment"]) == ("CommentAdded", 2, None)
    assert (event["commentId"], event["visibility"], event["mentions"]) == (comment["id"], "public", [REPORTER_ID])
    assert "ticket" not in event


# --- internal comments -----------------------------------------------------------------------------------------------


def test_a_reporter_may_not_write_internal_comments(items: Items) -> None:
    before = items()
    answer = write(caller=REPORTER, visibility="internal")
    assert answer.error == (403, "forbidden")
    assert answer.details == ["visibility"]
    assert items() == before


def test_an_internal_comment_leaves_no_trace_for_a_reporter() -> None:
    write("one", REPORTER)
    seen = (listed(REPORTER), history(REPORTER))
    internal = write(mention(ADMIN_ID), visibility="internal").json
    assert (listed(REPORTER), history(REPORTER)) == seen
    assert read(internal["id"], REPORTER).error == (404, "comment_not_found")
    assert read(internal["id"], REPORTER).json["message"] == read(NOBODY_ID, REPORTER).json["message"]
    assert [comment["id"] for comment in listed(ADMIN).json][1:] == [internal["id"]]
    assert history(ADMIN).json[-1]["commentId"] == internal["id"]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_reporters_pages_are_as_long_as_without_internal_comments(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """However few items one query reads: neither a page's length nor its cursor tells of what was left out."""
    monkeypatch.setattr("ticketing.tickets.queries.FILTERED_PAGE", 2)
    for number in range(4):
        write(f"public {number}", REPORTER)
        for _ in range(3):
            write("internal", visibility="internal")
    for look, size in ((listed, 4), (history, 5)):
        pages, link = [], f"?limit={limit}"
        while link:
            page = look(REPORTER, link)
            pages.append(page.json)
            link = f"?{page.next.partition('?')[2]}" if page.next else ""
        assert [len(page) for page in pages] == [limit] * (size // limit) + [size % limit] * bool(size % limit)
        assert "internal" not in str(pages)


# --- lists -----------------------------------------------------------------------------------------------------------


def test_comments_are_listed_oldest_first_page_by_page(time: Clock) -> None:
    made = []
    for number in range(5):
        made.append(write(f"{number}", visibility="internal" if number == 2 else "public").json)
        time.forward(seconds=1)
    first = listed(query="?limit=3")
    assert first.json == made[:3]
    assert first.next is not None
    rest = listed(query=f"?{first.next.partition('?')[2]}")
    assert (rest.json, rest.next) == (made[3:], None)


@pytest.mark.parametrize("caller", [REPORTER, AGENT])
def test_long_texts_end_a_page_early_and_none_is_lost(monkeypatch: pytest.MonkeyPatch, caller: Caller) -> None:
    """An answer has to stay below what a function may answer; so it ends before the text that would go beyond."""
    monkeypatch.setattr("ticketing.dynamodb.tables._LARGEST_PAGE", 10_000)
    made = [write("x" * 4_000, REPORTER).json["id"] for _ in range(7)]
    pages, link = [], "?limit=100"
    while link:
        page = listed(caller, link)
        pages.append([comment["id"] for comment in page.json])
        link = f"?{page.next.partition('?')[2]}" if page.next else ""
    assert [each for page in pages for each in page] == made
    assert max(map(len, pages)) <= 3


def test_a_cursor_is_good_for_its_own_ticket_only(dynamodb: DynamoDBClient) -> None:
    there(dynamodb, a_ticket(id=NOBODY_ID))
    for _ in range(2):
        write()
    link = listed(query="?limit=1").next
    assert link is not None
    query = f"?{link.partition('?')[2]}"
    assert listed(query=query).status == 200
    assert listed(query=query, path=f"/v1/tickets/{NOBODY_ID}").error == (400, "bad_request")
    assert history(query=query).error == (400, "bad_request")


@pytest.mark.parametrize("query", ["?limit=0", "?limit=101", "?expand=actor", "?cursor=AAAA", "?visibility=public"])
def test_a_bad_query_is_refused(query: str) -> None:
    assert listed(query=query).error == (400, "bad_request")


def test_authors_are_told_by_name_when_asked(dynamodb: DynamoDBClient) -> None:
    comment = write(caller=REPORTER).json
    write()
    put_user(dynamodb, REPORTER, name="Rita", active=False)
    rita = {"id": REPORTER_ID, "name": "Rita", "active": False}
    assert read(comment["id"], query="?expand=author").json == comment | {"author": rita}
    anna = {"id": AGENT_ID, "name": "Anna", "active": True}
    assert [each["author"] for each in listed(query="?expand=author").json] == [rita, anna]


# --- mentions --------------------------------------------------------------------------------------------------------


def test_mentions_are_found_once_each_in_any_case() -> None:
    text = f"@[{OTHER_ID.upper()}], @[{AGENT_ID}] @[{OTHER_ID}] @{ADMIN_ID} @[x] @[ {ADMIN_ID}] @[{ADMIN_ID}"
    assert mentions_in(text) == [OTHER_ID, AGENT_ID]


def test_who_is_mentioned_watches_from_then_on(dynamodb: DynamoDBClient) -> None:
    answer = write(mention(REPORTER_ID, ADMIN_ID, AGENT_ID))
    assert answer.json["mentions"] == [REPORTER_ID, ADMIN_ID, AGENT_ID]
    assert choices(dynamodb) == {REPORTER_ID: True, ADMIN_ID: True, AGENT_ID: True}


@pytest.mark.parametrize(
    ("person_id", "visibility"),
    [
        pytest.param(NOBODY_ID, "public", id="nobody"),
        pytest.param(ADMIN_ID, "public", id="deactivated"),
        pytest.param(REPORTER_ID, "internal", id="a reporter, in an internal comment"),
    ],
)
def test_who_can_not_be_mentioned(dynamodb: DynamoDBClient, items: Items, person_id: str, visibility: str) -> None:
    put_user(dynamodb, ADMIN, active=False)
    before = items()
    answer = write(mention(OTHER_ID if visibility == "public" else AGENT_ID, person_id), visibility=visibility)
    assert answer.error == (422, "invalid_reference")
    who = "active user" if visibility == "public" else "active agent or admin"
    assert answer.details == [f"body: @[{person_id}] is no {who} of this tenant"]
    assert items() == before


def test_twenty_people_can_be_mentioned_at_once(dynamodb: DynamoDBClient) -> None:
    crowd = [Caller(f"{n:08d}-0000-4000-8000-000000000000", "acme", REPORTER.role) for n in range(20)]
    for each in crowd:
        put_user(dynamodb, each)
    assert write(mention(*(each.user_id for each in crowd)), key="with-a-key").status == 201
    assert len(choices(dynamodb)) == 20
