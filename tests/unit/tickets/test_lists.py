"""Lists of tickets: several values of a filter, orders, walks while tickets change, and who sees what."""

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from functions.tickets import list_tickets
from tests.harness.size import sized
from tests.unit.support import (
    AGENT,
    AGENT_ID,
    MOMENT,
    OTHER_ID,
    REPORTER,
    REPORTER_ID,
    TABLE,
    Answer,
    a_ticket,
    an_event,
    api_event,
    as_item,
    create_table,
    data_of,
    put_item,
    send,
    template,
)
from ticketing.access.identity import Caller
from ticketing.clock import timestamp
from ticketing.dynamodb import cursors
from ticketing.errors import BadRequestError
from ticketing.ids import derived_id
from ticketing.tickets.kinds import Priority, Sort, TicketType
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Ticket
from ticketing.tickets.queries import NOBODY, TicketFilter
from ticketing.tickets.repository import TicketRepository

ANYTHING = TicketFilter()
PEOPLE = (AGENT_ID, OTHER_ID, REPORTER_ID)
TAGS = ("vpn", "wifi", "a,b")
ORDERS = list(Sort)


NO_TIME = "updatedSince: must be a time with its offset from UTC, such as 2027-01-31T09:30:00Z"


def at(seconds: float) -> str:
    return timestamp(MOMENT + timedelta(seconds=seconds))


class Shelf:
    """The tickets of a tenant as a plain list, changed along with the table."""

    def __init__(self, client: DynamoDBClient, seed: int) -> None:
        self.client = client
        self.repository = TicketRepository(data_of(client, "acme"))
        self.random = random.Random(seed)  # noqa: S311 - a choice of tests
        self.tickets: dict[int, Ticket] = {}
        self.trash: dict[int, Ticket] = {}
        self.now = 0.0

    def create(self, **values: Any) -> None:
        number, pick = len(self.tickets) + len(self.trash) + 1, self.random.choice
        self.now += pick([0, 0.001, 1])  # some change in the same millisecond
        chosen: dict[str, Any] = {
            "status": pick([*Status]),
            "priority": pick([*Priority]),
            "type": pick([*TicketType]),
            "assigned_to_id": pick([*PEOPLE, None]),
            "reporter_id": pick(PEOPLE),
            "tags": [tag for tag in TAGS if pick([True, False])],
        }
        ticket = a_ticket(id=derived_id(str(number)), number=number, updated_at=at(self.now), **chosen | values)
        prefix = "TENANT#acme"
        keys = {
            "tenantKey": f"{prefix}#TICKETS",
            "statusKey": f"{prefix}#STATUS#{ticket.status}",
            "assigneeKey": f"{prefix}#ASSIGNEE#{ticket.assigned_to_id or NOBODY}",
            "reporterKey": f"{prefix}#REPORTER#{ticket.reporter_id}",
            "listKey": f"{ticket.updated_at}#{ticket.id}",
        }
        put_item(TABLE, as_item(ticket, **keys))
        self.tickets[number] = ticket

    def change(self, number: int, **values: Any) -> None:
        before = self.tickets[number]
        after = self._next(before, **values)
        self.repository.update(before, after, an_event(after))
        self.tickets[number] = after

    def delete(self, number: int) -> None:
        before = self.tickets.pop(number)
        self.trash[number] = self._next(before, deleted_at=at(self.now))
        self.repository.delete(before, self.trash[number], an_event(self.trash[number]), now=MOMENT)

    def restore(self, number: int) -> None:
        before = self.trash.pop(number)
        self.tickets[number] = self._next(before, deleted_at=None)
        self.repository.restore(before, self.tickets[number], an_event(self.tickets[number]))

    def something_happens(self) -> None:
        """Create, change, delete or restore a ticket."""
        pick = self.random.choice
        match pick(["create", "change", "change", "change", "delete", "restore"]):
            case "change" if self.tickets:
                values = [{"priority": pick([*Priority])}, {"assigned_to_id": pick([*PEOPLE, None])}, {"title": "New"}]
                self.change(pick([*self.tickets]), **pick([*values, {"reporter_id": pick(PEOPLE)}]))
            case "delete" if self.tickets:
                self.delete(pick([*self.tickets]))
            case "restore" if self.trash:
                self.restore(pick([*self.trash]))
            case _:
                self.create()

    def a_filter(self) -> TicketFilter:
        """Return some filter: a field that it names has up to five values."""
        choices: dict[str, list[Any]] = {
            "status": [*Status],
            "priority": [*Priority],
            "type": [*TicketType],
            "assigned_to_id": [*PEOPLE, NOBODY],
            "reporter_id": [*PEOPLE],
            "tag": [*TAGS, "none has it"],
        }
        named = self.random.sample([*choices], self.random.choice([0, 1, 1, 2, 3]))
        values = {name: self.random.sample(choices[name], self.random.randint(1, len(choices[name]))) for name in named}
        since = self.random.choice([None, None, at(self.random.random() * self.now)])
        chosen: dict[str, Any] = {name: tuple(some[:5]) for name, some in values.items()}
        return TicketFilter(**chosen, updated_since=since)

    def matching(self, wanted: TicketFilter, sort: Sort) -> list[int]:
        """Return the numbers of the tickets that a list should have, by looking at each."""
        found = [
            ticket
            for ticket in self.tickets.values()
            if (not wanted.status or ticket.status in wanted.status)
            and (not wanted.priority or ticket.priority in wanted.priority)
            and (not wanted.type or ticket.type in wanted.type)
            and (not wanted.assigned_to_id or (ticket.assigned_to_id or NOBODY) in wanted.assigned_to_id)
            and (not wanted.reporter_id or ticket.reporter_id in wanted.reporter_id)
            and (not wanted.tag or any(tag in ticket.tags for tag in wanted.tag))
            and (wanted.updated_since is None or ticket.updated_at >= wanted.updated_since)
            and wanted.number in {None, ticket.number}
        ]
        keys: dict[bool, Callable[[Ticket], Any]] = {
            True: lambda ticket: ticket.number,
            False: lambda ticket: (ticket.updated_at, ticket.id),
        }
        found.sort(key=keys[sort.by_number], reverse=sort.descending)
        return [ticket.number for ticket in found]

    def walk(
        self, wanted: TicketFilter, sort: Sort, limit: int, between: Callable[[], None] = lambda: None
    ) -> list[int]:
        """Return the numbers of a list, page by page; `between` is done after each page."""
        numbers: list[int] = []
        cursor = None
        while True:
            page = self.repository.list(wanted, limit=limit, cursor=cursor, sort=sort)
            assert len(page.items) <= limit
            numbers += [ticket.number for ticket in page.items]
            if page.cursor is None:
                return numbers
            cursor = page.cursor
            between()

    def _next(self, ticket: Ticket, **values: Any) -> Ticket:
        self.now += 1
        return ticket.model_copy(update={"version": ticket.version + 1, "updated_at": at(self.now), **values})


@pytest.fixture
def shelf(dynamodb: DynamoDBClient, request: pytest.FixtureRequest) -> Shelf:
    filled = Shelf(dynamodb, getattr(request, "param", 0))
    for _ in range(40):
        filled.create()
    for number in (3, 17, 40):
        filled.delete(number)
    return filled


SEEDS = pytest.mark.parametrize("shelf", range(sized(2, short=1)), indirect=True)


# --- what a list holds -----------------------------------------------------------------------------------------------


@SEEDS
def test_a_list_is_what_one_finds_by_looking_at_every_ticket(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ticketing.tickets.repository.FILTERED_PAGE", 7)
    for _ in range(25):
        wanted, sort, limit = shelf.a_filter(), shelf.random.choice(ORDERS), shelf.random.choice([1, 2, 5, 100])
        assert shelf.walk(wanted, sort, limit) == shelf.matching(wanted, sort), (wanted, sort, limit)


@pytest.mark.parametrize("sort", ORDERS)
def test_pages_of_a_list_that_an_index_serves_are_full(dynamodb: DynamoDBClient, sort: Sort) -> None:
    shelf = Shelf(dynamodb, 0)
    for _ in range(14):
        shelf.create(reporter_id=REPORTER_ID)
    for wanted in (ANYTHING, TicketFilter(reporter_id=(REPORTER_ID,)), TicketFilter(status=tuple(Status))):
        sizes: list[int] = []
        cursor = None
        while cursor or not sizes:
            page = shelf.repository.list(wanted, limit=7, cursor=cursor, sort=sort)
            sizes.append(len(page.items))
            cursor = page.cursor
        assert sizes == [7, 7]


def test_a_list_asks_once_for_each_value_that_its_index_is_asked_for(shelf: Shelf) -> None:
    asked: list[Any] = []
    events = shelf.client.meta.events
    events.register("provide-client-params.dynamodb.Query", lambda params, **_: asked.append(params))
    events.register("provide-client-params.dynamodb.BatchGetItem", lambda params, **_: asked.append(params))
    open_ones, reporters = (Status.NEW, Status.OPEN), (REPORTER_ID, OTHER_ID)

    def requests(wanted: TicketFilter, sort: Sort) -> list[Any]:
        asked.clear()
        shelf.repository.list(wanted, limit=25, cursor=None, sort=sort)
        return [(each["IndexName"], each["Limit"]) if "IndexName" in each else "batch" for each in asked]

    by_change = Sort.LAST_UPDATED
    assert requests(TicketFilter(status=open_ones), by_change) == [("byStatus", 26)] * 2
    assert requests(TicketFilter(status=tuple(Status)), by_change) == [("byStatus", 26)] * 5
    assert requests(TicketFilter(status=open_ones, tag=("vpn",)), by_change) == [("byStatus", 200)] * 2
    assert requests(TicketFilter(status=open_ones, reporter_id=reporters), by_change) == [("byReporter", 200)] * 2
    assert requests(TicketFilter(assigned_to_id=(AGENT_ID, NOBODY)), by_change) == [("byAssignee", 26)] * 2
    assert requests(TicketFilter(priority=(Priority.LOW, Priority.HIGH)), by_change) == [("byChange", 400)]
    assert requests(TicketFilter(updated_since=at(0)), Sort.UPDATED) == [("byChange", 26)]
    assert requests(ANYTHING, Sort.NUMBER) == [("byNumber", 26), "batch"]
    assert requests(TicketFilter(reporter_id=(REPORTER_ID,)), Sort.NUMBER) == [("byReporterNumber", 26), "batch"]
    assert requests(TicketFilter(reporter_id=reporters), Sort.NUMBER) == [("byNumber", 400), "batch"]
    assert requests(TicketFilter(status=open_ones), Sort.NUMBER) == [("byNumber", 400), "batch"]
    assert requests(TicketFilter(number=7), by_change) == [("byNumber", 26), "batch"]


def test_tickets_from_before_there_was_an_order_by_number_are_in_it(dynamodb: DynamoDBClient) -> None:
    """DynamoDB fills a new index with what the table holds: the keys have been on every ticket from the first on."""
    table = template()["Resources"]["TicketsTable"]["Properties"]
    (new,) = [index for index in table["GlobalSecondaryIndexes"] if index["IndexName"] == "byReporterNumber"]
    before = [index for index in table["GlobalSecondaryIndexes"] if index is not new]
    dynamodb.delete_table(TableName=TABLE)
    create_table(dynamodb, TABLE, table | {"GlobalSecondaryIndexes": before})
    shelf = Shelf(dynamodb, 0)
    for _ in range(9):
        shelf.create()
    dynamodb.update_table(
        TableName=TABLE,
        AttributeDefinitions=table["AttributeDefinitions"],
        GlobalSecondaryIndexUpdates=[{"Create": new}],
    )
    for wanted in (ANYTHING, *(TicketFilter(reporter_id=(each,)) for each in PEOPLE)):
        assert shelf.walk(wanted, Sort.NUMBER, 2) == shelf.matching(wanted, Sort.NUMBER)


def test_long_texts_shorten_a_page_by_number_and_a_merged_one(dynamodb: DynamoDBClient) -> None:
    shelf = Shelf(dynamodb, 0)
    for number in range(40):
        long = "\x01" * 10_000
        shelf.create(
            status=[Status.NEW, Status.OPEN][number % 2], description=long, resolution=long, title="\x01" * 200
        )
    for wanted, sort in ((ANYTHING, Sort.NUMBER), (TicketFilter(status=(Status.NEW, Status.OPEN)), Sort.UPDATED)):
        assert shelf.walk(wanted, sort, 100) == shelf.matching(wanted, sort)


# --- while tickets change --------------------------------------------------------------------------------------------


@SEEDS
@pytest.mark.parametrize("sort", [Sort.NUMBER, Sort.LAST_NUMBER])
def test_a_walk_by_number_sees_what_is_there_throughout_exactly_once(
    shelf: Shelf, sort: Sort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticketing.tickets.repository.FILTERED_PAGE", 7)
    for wanted in (ANYTHING, TicketFilter(reporter_id=(REPORTER_ID,)), shelf.a_filter()):
        throughout = set(shelf.matching(wanted, sort))

        def something_happens(wanted: TicketFilter = wanted, throughout: set[int] = throughout) -> None:
            for _ in range(2):
                shelf.something_happens()
                throughout.intersection_update(shelf.matching(wanted, sort))

        seen = shelf.walk(wanted, sort, 2, something_happens)
        assert seen == sorted(set(seen), reverse=sort.descending)
        assert throughout <= set(seen)


@SEEDS
def test_a_walk_by_time_of_change_meets_what_changes_again(shelf: Shelf) -> None:
    for wanted in (ANYTHING, TicketFilter(status=(Status.NEW, Status.OPEN)), TicketFilter(reporter_id=PEOPLE[:2])):
        throughout = set(shelf.matching(wanted, Sort.UPDATED))
        changes: Iterator[int] = iter(range(30))

        def something_happens(
            wanted: TicketFilter = wanted, throughout: set[int] = throughout, changes: Iterator[int] = changes
        ) -> None:
            if next(changes, None) is not None:  # a walk that is slower than the changes has no end
                shelf.something_happens()
                throughout.intersection_update(shelf.matching(wanted, Sort.UPDATED))

        assert throughout <= set(shelf.walk(wanted, Sort.UPDATED, 2, something_happens))


@pytest.mark.parametrize("sort", [Sort.UPDATED, Sort.LAST_UPDATED])
def test_a_ticket_that_changes_between_two_queries_of_a_page_is_there_once_as_it_is_now(
    dynamodb: DynamoDBClient, sort: Sort
) -> None:
    shelf = Shelf(dynamodb, 0)
    for who in (AGENT_ID, OTHER_ID):
        shelf.create(assigned_to_id=who)
    asked: list[Any] = []

    def move(**_: Any) -> None:
        asked.append(0)
        if len(asked) == 2:  # the first of the two has been answered
            shelf.change(1, assigned_to_id=OTHER_ID, title="Moved")

    dynamodb.meta.events.register("before-call.dynamodb.Query", move)
    page = shelf.repository.list(TicketFilter(assigned_to_id=(AGENT_ID, OTHER_ID)), limit=9, cursor=None, sort=sort)
    expected = [(1, "Moved"), (2, "VPN drops")]
    assert [(ticket.number, ticket.title) for ticket in page.items] == (expected if sort.descending else expected[::-1])


# --- cursors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", ORDERS)
def test_a_cursor_belongs_to_its_tenant_filter_and_order(shelf: Shelf, sort: Sort) -> None:
    wanted = TicketFilter(reporter_id=(REPORTER_ID,))
    cursor = shelf.repository.list(wanted, limit=1, cursor=None, sort=sort).cursor
    assert cursor is not None
    assert shelf.repository.list(wanted, limit=1, cursor=cursor, sort=sort).items
    globex = TicketRepository(data_of(shelf.client, "globex"))
    others = (
        *((shelf.repository, wanted, other) for other in ORDERS if other is not sort),
        (globex, wanted, sort),
        (shelf.repository, TicketFilter(reporter_id=(OTHER_ID,)), sort),
        (shelf.repository, TicketFilter(reporter_id=(REPORTER_ID, OTHER_ID)), sort),
        (shelf.repository, TicketFilter(reporter_id=(REPORTER_ID,), updated_since=at(0)), sort),
    )
    for repository, another, order in others:
        with pytest.raises(BadRequestError):
            repository.list(another, limit=1, cursor=cursor, sort=order)


@pytest.mark.parametrize(
    ("wanted", "place"),
    [
        (TicketFilter(updated_since=at(0)), f"{at(-1)}#{derived_id('1')}"),
        (TicketFilter(number=7), f"8#{derived_id('1')}"),
    ],
)
def test_a_cursor_that_somebody_made_up_leads_nowhere_else(shelf: Shelf, wanted: TicketFilter, place: str) -> None:
    """DynamoDB refuses a start where the query does not go, and moto does not."""
    cursor = cursors.encode(place, scope=f"TENANT#acme tickets {wanted} {Sort.LAST_UPDATED}")
    with pytest.raises(BadRequestError):
        shelf.repository.list(wanted, limit=1, cursor=cursor)


# --- the operation ---------------------------------------------------------------------------------------------------


def listed(query: str, caller: Caller = AGENT) -> Answer:
    return send(list_tickets.handler, api_event("GET", f"/v1/tickets{query}", caller=caller))


def found(query: str, caller: Caller = AGENT) -> list[int]:
    answer = listed(query, caller)
    assert answer.status == 200
    return [ticket["number"] for ticket in answer.json]


@pytest.mark.usefixtures("people")
def test_a_ticket_is_found_by_its_number(shelf: Shelf) -> None:
    assert found("?number=12") == found("?number=0012&sort=number&expand=reporter") == [12]
    assert found("?number=17") == found("?number=41") == found("?number=999999999999999") == []
    ticket = shelf.tickets[12]
    assert found(f"?number=12&status={ticket.status}&updatedSince={ticket.updated_at}") == [12]
    assert found(f"?number=12&priority={','.join(each for each in Priority if each != ticket.priority)}") == []


@pytest.mark.usefixtures("people")
def test_reporters_see_their_own_in_every_order_and_by_every_filter(shelf: Shelf) -> None:
    own = sorted(number for number, ticket in shelf.tickets.items() if ticket.reporter_id == REPORTER_ID)
    for sort in ORDERS:
        assert sorted(found(f"?sort={sort}&limit=100", REPORTER)) == own
    assert [number for number in range(1, 42) if found(f"?number={number}", REPORTER)] == own
    assert found(f"?reporterId={OTHER_ID},me&sort=number&limit=100", REPORTER) == own
    assert found(f"?reporterId={OTHER_ID},{AGENT_ID}&sort=number", REPORTER) == []
    assert found(f"?reporterId={OTHER_ID}&number={own[0]}", REPORTER) == []
    assert sorted(found(f"?updatedSince={at(0)}&status={','.join(Status)}&limit=100", REPORTER)) == own


@pytest.mark.usefixtures("people")
def test_values_are_separated_by_commas_or_given_more_than_once(shelf: Shelf) -> None:
    wanted = TicketFilter(status=(Status.NEW, Status.OPEN), assigned_to_id=(AGENT_ID, NOBODY))
    expected = shelf.matching(wanted, Sort.NUMBER)
    query = "sort=number&limit=100&assignedToId=me,none"
    assert found(f"?{query}&status=NEW,OPEN") == found(f"?{query}&status=OPEN&status=NEW") == expected
    assert found(f"?{query},{AGENT_ID.upper()}&status=NEW,OPEN,NEW") == expected
    first = listed("?status=NEW&status=OPEN&assignedToId=me,none&sort=number&limit=1")
    following = first.headers["Link"].removeprefix("<").partition(">")[0].partition("?")[2]
    assert "status=NEW&status=OPEN" in following
    assert found(f"?{following}") == expected[1:2]


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(("query", "tags"), [("a,b", {"a", "b", "a,b"}), ("vpn,wifi", {"vpn", "wifi"}), ("a", {"a"})])
def test_a_tag_may_have_commas(shelf: Shelf, query: str, tags: set[str]) -> None:
    expected = [number for number, ticket in sorted(shelf.tickets.items()) if tags.intersection(ticket.tags)]
    assert found(f"?tag={query}&sort=number&limit=100") == expected


@pytest.mark.usefixtures("people")
def test_since_a_time_means_at_it_or_later(shelf: Shelf) -> None:
    latest = max(shelf.tickets.values(), key=lambda ticket: ticket.updated_at)
    moment = latest.updated_at
    assert latest.number in found(f"?updatedSince={moment}")
    assert latest.number in found(f"?updatedSince={moment.replace('Z', '999z').replace('T', 't')}")
    assert latest.number in found(f"?updatedSince={moment.replace('Z', '%2B00:00')}&sort=number&limit=100")
    later = timestamp(MOMENT + timedelta(days=1))
    assert found(f"?updatedSince={later}") == found(f"?updatedSince={later}&sort=number") == []


@pytest.mark.parametrize(
    ("query", "details"),
    [
        ("status=NEW,OPEN,NEW,OPEN,NEW,OPEN", ["status: takes at most 5 values"]),
        ("tag=a,b,c,d,e,f&tag=g", ["tag: takes at most 5 values"]),
        (f"reporterId={','.join([AGENT_ID] * 6)}", ["reporterId: takes at most 5 values"]),
        ("status=NEW,", ["status.1: must be one of NEW, OPEN, IN_PROGRESS, RESOLVED, CLOSED"]),
        ("priority=LOW,low", ["priority.1: must be one of LOW, MEDIUM, HIGH, CRITICAL"]),
        ("reporterId=me,none", ["reporterId.1: must be a UUID", "reporterId.1: must be one of me"]),
        ("number=0", ["number: must be a whole number from 1 to 999999999999999"]),
        ("number=-1", ["number: must be a whole number from 1 to 999999999999999"]),
        ("number=1000000000000000", ["number: must be a whole number from 1 to 999999999999999"]),
        ("number=1,2", ["number: must be a whole number from 1 to 999999999999999"]),
        ("number=%D9%A1", ["number: must be a whole number from 1 to 999999999999999"]),
        ("number=1&number=2", ["number: given more than once"]),
        ("sort=number&sort=number", ["sort: given more than once"]),
        ("updatedSince=yesterday", [NO_TIME]),
        ("updatedSince=2026-02-03T10:00:00+01:00", [NO_TIME]),
        ("updatedSince=0001-01-01T00:00:00%2B14:00", [NO_TIME]),
    ],
)
def test_what_a_list_does_not_take(query: str, details: list[str]) -> None:
    answer = listed(f"?{query}")
    assert (answer.error, answer.details) == ((400, "bad_request"), details)


@pytest.mark.parametrize("sort", ["", "NUMBER", "--number", "createdAt", "number,updatedAt"])
def test_there_are_four_orders(sort: str) -> None:
    (detail,) = listed(f"?sort={sort}").details
    assert detail == "sort: must be one of updatedAt, -updatedAt, number, -number"
