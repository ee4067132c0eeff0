"""searchTickets and suggestSearch through their functions: an index that answers as it is told, the tables on moto."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from functions.search import search_tickets, suggest_search
from tests.unit.conftest import Clock
from tests.unit.support import (
    ADMIN,
    AGENT,
    AGENT_ID,
    MOMENT_TEXT,
    OTHER_ID,
    OTHER_REPORTER,
    REPORTER,
    REPORTER_ID,
    STRANGER,
    TABLE,
    USERS_TABLE,
    Answer,
    a_ticket,
    api_event,
    put_item,
    send,
    stored,
    user_row,
)
from ticketing.access.identity import Caller
from ticketing.dynamodb.attributes import to_item
from ticketing.ids import derived_id
from ticketing.search.language import Between, Field, Kind, Moment, OneOf, Term
from ticketing.search.port import (
    CursorOutdatedError,
    Facet,
    Find,
    Found,
    IndexDamagedError,
    IndexMissingError,
    Scope,
    SortKey,
    Suggestion,
)
from ticketing.tickets.keys import ticket_key
from ticketing.tickets.kinds import Priority
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Ticket

pytestmark = pytest.mark.usefixtures("dynamodb", "people", "time")

AS_OF = "2026-02-02T08:15:03.000Z"


@dataclass
class ToldIndex:
    """An index that knows these tickets, in this order, and answers one page of them; or fails as it is told."""

    ids: list[str] = field(default_factory=list)
    facets: Mapping[Facet, Mapping[str, int]] = field(default_factory=dict)
    total: int | None = None
    fails: Exception | None = None
    found: list[Find] = field(default_factory=list)
    suggested: list[tuple[str, Scope, int]] = field(default_factory=list)

    def find(self, find: Find) -> Found:
        self.found.append(find)
        if self.fails:
            raise self.fails
        start = int((find.after or {"n": 0})["n"])
        end = start + find.limit
        return Found(
            self.ids[start:end],
            len(self.ids) if self.total is None else self.total,
            exact=self.total is None,
            facets=self.facets,
            after={"n": end} if end < len(self.ids) else None,
            as_of=AS_OF,
            complete=True,
        )

    def suggest(self, prefix: str, scope: Scope, limit: int) -> list[Suggestion]:
        self.suggested.append((prefix, scope, limit))
        if self.fails:
            raise self.fails
        return [Suggestion("printer", 3), Suggestion("printing", 1)]


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> ToldIndex:
    told = ToldIndex()
    for module in (search_tickets, suggest_search):
        monkeypatch.setattr(module, "index_of_caller", lambda _caller: told)
    return told


@pytest.fixture
def rebuilt(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    asked: list[tuple[str, str]] = []
    for module in (search_tickets, suggest_search):
        monkeypatch.setattr(module, "rebuild", lambda *order: asked.append(order))
    return asked


@pytest.fixture
def known(dynamodb: DynamoDBClient, index: ToldIndex) -> Callable[..., Ticket]:
    """Return what puts a ticket into the table and lets the index find it."""

    def make(**values: Any) -> Ticket:
        number = len(index.ids) + 1
        made = stored(dynamodb, a_ticket(id=derived_id(str(number)), number=number, **values))
        index.ids.append(made.id)
        return made

    return make


def search(query: str = "", caller: Caller = AGENT) -> Answer:
    return send(search_tickets.handler, api_event("GET", f"/v1/search/tickets{query}", caller=caller))


def suggest(query: str, caller: Caller = AGENT) -> Answer:
    return send(suggest_search.handler, api_event("GET", f"/v1/search/suggestions{query}", caller=caller))


def numbers(answer: Answer) -> list[int]:
    assert answer.status == 200, answer.text
    return [ticket["number"] for ticket in answer.json["tickets"]]


# --- What is answered -------------------------------------------------------------------------------------------------


def test_hits_are_shown_as_the_table_has_them_in_the_order_of_the_index(
    index: ToldIndex, known: Callable[..., Ticket]
) -> None:
    for title in ("One", "Two", "Three"):
        known(title=title)
    index.ids.reverse()
    answer = search("?q=vpn")
    assert [ticket["title"] for ticket in answer.json["tickets"]] == ["Three", "Two", "One"]
    (of_list,) = (ticket for ticket in answer.json["tickets"] if ticket["number"] == 1)
    assert of_list["allowedTransitions"] == ["OPEN", "CLOSED"]
    assert "highlights" not in of_list
    assert {name: value for name, value in answer.json.items() if name != "tickets"} == {
        "total": {"value": 3, "exact": True},
        "asOf": AS_OF,
        "complete": True,
    }
    assert answer.next is None


def test_people_and_highlights_are_added_as_asked(index: ToldIndex, known: Callable[..., Ticket]) -> None:
    known(title="VPN drops", description="The vpn.", resolution=None)
    (hit,) = search("?q=vpn&highlight=true&expand=reporter").json["tickets"]
    assert hit["reporter"] == {"id": REPORTER_ID, "name": "Rita", "active": True}
    assert hit["highlights"]["title"] == [[0, 3]]
    assert hit["highlights"]["description"] == [[4, 7]]
    assert index.found[0].facets == ()


def test_facets_are_answered_as_asked(index: ToldIndex, known: Callable[..., Ticket]) -> None:
    known()
    index.facets = {Facet.STATUS: {"NEW": 1}, Facet.TAG: {}}
    answer = search("?facets=tag,status")
    assert index.found[0].facets == (Facet.STATUS, Facet.TAG)
    assert answer.json["facets"] == {"status": {"NEW": 1}, "tag": {}}


def test_a_total_may_be_a_bound(index: ToldIndex, known: Callable[..., Ticket]) -> None:
    known()
    index.total = 10_000
    assert search("?q=vpn&limit=1").json["total"] == {"value": 10_000, "exact": False}


# --- What is judged ---------------------------------------------------------------------------------------------------


def test_what_the_index_does_not_know_yet_is_known_by_the_table(
    dynamodb: DynamoDBClient, index: ToldIndex, known: Callable[..., Ticket]
) -> None:
    """A hit that is deleted, of somebody else, or no match any more is in no answer: not in its counts either."""
    kept = known(status=Status.OPEN, tags=["a", "b"])
    gone = known(status=Status.OPEN)
    known(status=Status.NEW)
    index.ids.append(derived_id("never there"))
    index.facets = {Facet.STATUS: {"OPEN": 4}, Facet.TAG: {"a": 4}}
    dynamodb.delete_item(TableName=TABLE, Key=to_item(ticket_key("acme", gone.id)))
    answer = search(f"?q={quote('status:open')}&facets=status,priority,type,tag,assignee")
    assert numbers(answer) == [kept.number]
    assert answer.json["total"] == {"value": 1, "exact": True}
    assert answer.json["facets"] == {
        "status": {"OPEN": 1},
        "priority": {"MEDIUM": 1},
        "type": {"INCIDENT": 1},
        "tag": {"a": 1, "b": 1},
        "assignee": {"none": 1},
    }


def test_a_ticket_in_the_trash_is_no_hit(dynamodb: DynamoDBClient, index: ToldIndex) -> None:
    trashed = stored(dynamodb, a_ticket(deleted_at=MOMENT_TEXT))
    index.ids.append(trashed.id)
    answer = search()
    assert numbers(answer) == []
    assert answer.json["total"] == {"value": 0, "exact": True}


@pytest.mark.parametrize("time", ["then", "2026-02-02T08:15:03"])
def test_a_ticket_whose_time_is_damaged_is_no_hit_where_it_is_compared(known: Callable[..., Ticket], time: str) -> None:
    known(created_at=time)
    known()
    assert numbers(search("?q=vpn")) == [1, 2]
    assert numbers(search("?q=created%3E2020")) == [2]


def test_a_reporter_is_shown_their_own_alone_whatever_the_index_says(
    index: ToldIndex, known: Callable[..., Ticket]
) -> None:
    known(reporter_id=OTHER_ID)
    own = known(reporter_id=REPORTER_ID)
    known(reporter_id=AGENT_ID, assigned_to_id=REPORTER_ID)
    index.facets = {Facet.STATUS: {"NEW": 3}}
    answer = search("?q=vpn&facets=status", REPORTER)
    assert numbers(answer) == [own.number]
    assert answer.json["total"] == {"value": 1, "exact": True}
    assert answer.json["facets"] == {"status": {"NEW": 1}}


def test_another_tenants_ticket_is_no_hit(known: Callable[..., Ticket]) -> None:
    known()
    assert numbers(search("?q=vpn", STRANGER)) == []


@pytest.mark.parametrize(
    ("caller", "scope"),
    [
        (REPORTER, Scope(REPORTER_ID, internal=False)),
        (AGENT, Scope(None, internal=True)),
        (ADMIN, Scope(None, internal=True)),
    ],
)
def test_the_index_is_asked_for_what_the_caller_may_see(index: ToldIndex, caller: Caller, scope: Scope) -> None:
    search("?q=vpn", caller)
    suggest("?q=vp", caller)
    assert index.found[0].scope == scope
    assert index.suggested == [("vp", scope, 10)]


# --- What is asked ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "caller", "order"),
    [
        ("?q=vpn", AGENT, (SortKey.RELEVANCE, True)),
        ("?q=vpn", REPORTER, (SortKey.CREATED, True)),
        ("?q=vpn&sort=relevance", REPORTER, (SortKey.CREATED, True)),
        ("", AGENT, (SortKey.UPDATED, True)),
        ("?q=-vpn", AGENT, (SortKey.UPDATED, True)),
        ("?q=status:new", REPORTER, (SortKey.UPDATED, True)),
        ("?q=vpn&sort=number", AGENT, (SortKey.NUMBER, False)),
        ("?sort=-priority", AGENT, (SortKey.PRIORITY, True)),
    ],
)
def test_hits_are_sorted_as_asked(index: ToldIndex, query: str, caller: Caller, order: tuple[SortKey, bool]) -> None:
    search(query, caller)
    assert (index.found[0].sort, index.found[0].descending) == order


def test_people_are_named_by_me_by_address_and_by_id(index: ToldIndex) -> None:
    put_person(AGENT, "agent@acme.example")
    search(f"?q={quote(f'assignee:AGENT@acme.example,{OTHER_ID} reporter:me')}")
    assert index.found[0].query.clauses == (
        OneOf(Field.ASSIGNEE, (AGENT_ID, OTHER_ID), negated=False),
        OneOf(Field.REPORTER, (AGENT_ID,), negated=False),
    )


def put_person(caller: Caller, email: str) -> None:
    row = user_row(caller, name="Anna")
    keys = {"tenantKey": f"TENANT#{caller.tenant_id}#USERS", "nameKey": "anna\t1", "emailKey": email}
    put_item(USERS_TABLE, row | {name: {"S": value} for name, value in keys.items()})


@pytest.mark.parametrize(
    ("caller", "email"),
    [(REPORTER, "agent@acme.example"), (STRANGER, "agent@acme.example"), (AGENT, "no@acme.example")],
)
def test_an_address_that_the_caller_can_not_know_is_nobodys(index: ToldIndex, caller: Caller, email: str) -> None:
    put_person(AGENT, "agent@acme.example")
    put_person(REPORTER, "rita@acme.example")
    search(f"?q=assignee:{email}", caller)
    (clause,) = index.found[0].query.clauses
    assert isinstance(clause, OneOf)
    assert AGENT_ID not in clause.values


def test_reporters_know_their_own_address(index: ToldIndex) -> None:
    put_person(REPORTER, "rita@acme.example")
    search("?q=reporter:rita@acme.example", REPORTER)
    assert index.found[0].query.clauses == (OneOf(Field.REPORTER, (REPORTER_ID,), negated=False),)


def test_few_addresses_are_looked_up(index: ToldIndex) -> None:
    addresses = ",".join(f"{number}@b.example" for number in range(17))
    answer = search(f"?q=assignee:{addresses}")
    assert answer.error == (400, "bad_request")
    assert answer.details == ["q: names more than 16 e-mail addresses"]
    assert index.found == []


def test_days_are_the_tenants(index: ToldIndex, dynamodb: DynamoDBClient) -> None:
    asked: list[str] = []
    dynamodb.meta.events.register("before-call.dynamodb.GetItem", lambda model, **_: asked.append(model.name))
    search("?q=vpn")
    assert asked == []
    search("?q=created:2026-01-31")
    settings = {"M": {"timeZone": {"S": "Asia/Tokyo"}}}
    put_item(USERS_TABLE, {"PK": {"S": "TENANT#acme#TENANT"}, "SK": {"S": "TENANT"}, "settings": settings})
    search("?q=created:2026-01-31")
    assert len(asked) == 2
    day, hours = 86_400_000, 9 * 3_600_000
    low = 1_769_817_600_000  # 2026-01-31T00:00Z
    assert [find.query.clauses for find in index.found[1:]] == [
        (Between(Moment.CREATED, low, low + day, negated=False),),
        (Between(Moment.CREATED, low - hours, low - hours + day, negated=False),),
    ]


def test_every_mistake_is_named_with_its_place(index: ToldIndex) -> None:
    answer = search(f"?q={quote('stauts:new vpn priority:big')}")
    assert answer.error == (400, "bad_request")
    assert [detail.partition(": ")[2].partition(":")[0] for detail in answer.details] == ["0-6", "24-27"]
    assert index.found == []


@pytest.mark.parametrize(
    "query",
    [
        f"?q={'x' * 501}",
        f"?q={quote(chr(0x1F600) * 10_000)}",
        f"?q={quote(' '.join(['word'] * 17))}",
        "?q=%22open",
        "?q=*",
        "?q=-",
        "?q=colour:red",
        "?q=created:created:2026",
        "?q=status:",
        "?sort=title",
        "?facets=",
        "?highlight=1",
        "?limit=101",
        "?page=2",
        "?q=a&q=b",
    ],
)
def test_bad_input_is_400(index: ToldIndex, query: str) -> None:
    assert search(query).error == (400, "bad_request")
    assert index.found == []


@pytest.mark.parametrize("q", ["[a-z]+(x|y)?.^$\\", "a%00b", "\U0001f600" * 500, "é", "  ", "a" * 500])
def test_odd_input_is_no_mistake(known: Callable[..., Ticket], q: str) -> None:
    known()
    assert numbers(search(f"?q={q if '%' in q else quote(q)}")) == [1]


@pytest.mark.parametrize("query", ["", "?q=", f"?q={'x' * 51}", "?q=a&limit=3"])
def test_suggestions_take_a_beginning_and_nothing_else(query: str) -> None:
    assert suggest(query).error == (400, "bad_request")


def test_words_and_tags_are_suggested(index: ToldIndex) -> None:
    assert suggest("?q=pri").json == [{"text": "printer", "count": 3}, {"text": "printing", "count": 1}]
    assert index.suggested == [("pri", Scope(None, internal=True), 10)]


def test_a_view_takes_the_place_of_query_and_order(index: ToldIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Caller, str]] = []

    def view_for(caller: Caller, view_id: str) -> SimpleNamespace:
        asked.append((caller, view_id))
        return SimpleNamespace(query="status:open", sort="-priority")

    monkeypatch.setattr("ticketing.views.operations.view_for", view_for)
    assert search(f"?view={OTHER_ID.upper()}").status == 200
    assert asked == [(AGENT, OTHER_ID)]
    assert index.found[0].query.clauses == (OneOf(Field.STATUS, ("OPEN",), negated=False),)
    assert (index.found[0].sort, index.found[0].descending) == (SortKey.PRIORITY, True)
    for also in ("q=vpn", "sort=created", "q="):
        assert search(f"?view={OTHER_ID}&{also}").details == ["view: takes the place of q and sort"]


# --- Pages ------------------------------------------------------------------------------------------------------------


def test_pages_follow_one_another(known: Callable[..., Ticket]) -> None:
    made = [known() for _ in range(5)]
    first = search("?q=vpn&limit=2")
    second = search(str(first.next).removeprefix("/v1/search/tickets"))
    third = search(str(second.next).removeprefix("/v1/search/tickets"))
    assert [numbers(page) for page in (first, second, third)] == [[1, 2], [3, 4], [5]]
    assert third.next is None
    assert len(made) == 5


def test_relative_dates_are_those_of_the_first_page(
    index: ToldIndex, known: Callable[..., Ticket], time: Clock
) -> None:
    for _ in range(2):
        known()
    first = search(f"?q={quote('created>-7d')}&limit=1")
    time.forward(minutes=10)
    search(str(first.next).removeprefix("/v1/search/tickets"))
    assert index.found[0].query == index.found[1].query
    assert numbers(search(f"?q={quote('created>-7d')}&limit=1")) == [1]
    assert index.found[2].query != index.found[0].query


@pytest.mark.parametrize(
    ("query", "caller"),
    [
        ("?q=vpm&limit=1", AGENT),
        ("?q=vpn&limit=1&sort=created", AGENT),
        ("?q=vpn&limit=1", ADMIN),
        ("?q=vpn&limit=1", REPORTER),
        ("?q=vpn&limit=1", STRANGER),
        ("?limit=1", AGENT),
    ],
)
def test_a_cursor_is_good_for_its_search_alone(
    index: ToldIndex, known: Callable[..., Ticket], query: str, caller: Caller
) -> None:
    for _ in range(2):
        known()
    cursor = str(search("?q=vpn&limit=1").next).rpartition("cursor=")[2]
    answer = search(f"{query}&cursor={cursor}", caller)
    assert answer.error == (400, "bad_request")
    assert answer.details == ["cursor: take it from the Link header of the page before, with the same filters"]
    assert len(index.found) == 1


@pytest.mark.parametrize("cursor", ["", "abc", "é", "A" * 5000])
def test_what_is_no_cursor_is_400(index: ToldIndex, cursor: str) -> None:
    assert search(f"?cursor={quote(cursor)}").error == (400, "bad_request")
    assert index.found == []


def test_a_cursor_whose_index_is_not_held_any_more_is_400(index: ToldIndex) -> None:
    index.fails = CursorOutdatedError()
    answer = search("?q=vpn")
    assert answer.error == (400, "bad_request")
    assert "15 minutes" in answer.json["message"]


def test_an_answer_that_would_be_too_large_ends_early(index: ToldIndex, known: Callable[..., Ticket]) -> None:
    for _ in range(100):
        known(description="\U0001f600" * 10_000, resolution="\\" * 10_000)
    first = search("?limit=100")
    assert len(first.text.encode()) < 6_000_000
    assert 10 < len(numbers(first)) < 100
    assert [find.limit for find in index.found] == [100, len(numbers(first))]
    assert numbers(search(str(first.next).removeprefix("/v1/search/tickets")))[0] == len(numbers(first)) + 1


# --- What fails -------------------------------------------------------------------------------------------------------


def test_a_damaged_index_is_built_again_and_said_so(index: ToldIndex, rebuilt: list[tuple[str, str]]) -> None:
    index.fails = IndexDamagedError()
    for answer in (search("?q=vpn"), suggest("?q=vp")):
        assert answer.error == (503, "search_unavailable")
        assert answer.headers["Retry-After"] == "30"
    assert rebuilt == [("acme", "damaged")] * 2


def test_without_an_index_one_is_built(index: ToldIndex, rebuilt: list[tuple[str, str]]) -> None:
    index.fails = IndexMissingError()
    assert search("?q=vpn&facets=status").json == {
        "tickets": [],
        "total": {"value": 0, "exact": False},
        "facets": {"status": {}},
        "asOf": None,
        "complete": False,
    }
    assert suggest("?q=vp").json == []
    assert rebuilt == [("acme", "missing")] * 2


def test_keys_that_dynamodb_leaves_out_are_read_again_and_then_it_is_503(
    dynamodb: DynamoDBClient, known: Callable[..., Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [known() for _ in range(3)]
    read, pauses = dynamodb.batch_get_item, list[float]()
    monkeypatch.setattr("ticketing.dynamodb.tables.time.sleep", pauses.append)

    def some(**asked: Any) -> Any:
        keys = asked["RequestItems"][TABLE]["Keys"]
        answer = read(RequestItems={TABLE: asked["RequestItems"][TABLE] | {"Keys": keys[:1]}})
        left = {TABLE: asked["RequestItems"][TABLE] | {"Keys": keys[1:]}} if keys[1:] else {}
        return {"Responses": answer["Responses"], "UnprocessedKeys": left}

    monkeypatch.setattr(dynamodb, "batch_get_item", some)
    assert numbers(search()) == [ticket.number for ticket in made]
    assert pauses == [0.05, 0.1]
    for _ in range(2):
        known()
    assert search().error == (503, "service_unavailable")


def test_rows_are_read_as_last_written(dynamodb: DynamoDBClient, known: Callable[..., Ticket]) -> None:
    known()
    asked: list[Any] = []
    dynamodb.meta.events.register(
        "provide-client-params.dynamodb.BatchGetItem", lambda params, **_: asked.append(params["RequestItems"])
    )
    search()
    assert [requests[TABLE]["ConsistentRead"] for requests in asked] == [True]


def test_nothing_of_a_search_is_logged(known: Callable[..., Ticket], log: Callable[[], list[dict[str, Any]]]) -> None:
    known(priority=Priority.HIGH)
    search("?q=confidential", OTHER_REPORTER)
    assert "confidential" not in json.dumps(log())


def test_words_are_read_as_the_language_reads_them(index: ToldIndex) -> None:
    search(f"?q={quote('Printer Nord')}")
    assert index.found[0].query.clauses == (
        Term(("printer",), Kind.WORD, negated=False),
        Term(("nord",), Kind.WORD, negated=False),
    )
