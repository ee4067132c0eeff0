"""The tickets table, on moto: what is written, what is found again, and what is never mixed or lost."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.support import (
    AGENT_ID,
    MOMENT,
    MOMENT_TEXT,
    OTHER_ID,
    REPORTER_ID,
    TABLE,
    TICKET_ID,
    a_ticket,
    an_event,
    as_item,
    cancelled,
    data_of,
    stored,
)
from ticketing.clock import timestamp
from ticketing.dynamodb.tables import Page
from ticketing.dynamodb.transactions import VersionConflictError
from ticketing.errors import BadRequestError
from ticketing.ids import derived_id
from ticketing.tickets.events import Change, TicketEvent
from ticketing.tickets.kinds import Creators, EventType, Priority, TicketType
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Ticket
from ticketing.tickets.queries import TicketFilter
from ticketing.tickets.repository import (
    NotAmongCreatorsError,
    TakenNumber,
    TicketExistsError,
    TicketGoneError,
    TicketRepository,
)

type Items = Callable[[], list[dict[str, Any]]]

ANYTHING = TicketFilter()
LATER = "2026-02-03T10:00:00.000Z"


def trash(tickets: TicketRepository, ticket: Ticket) -> Ticket:
    """Move a ticket to the trash at MOMENT."""
    deleted = ticket.model_copy(update={"version": ticket.version + 1, "deleted_at": MOMENT_TEXT})
    tickets.delete(ticket, deleted, an_event(deleted, EventType.TICKET_DELETED), now=MOMENT)
    return deleted


def changed(ticket: Ticket, **values: Any) -> Ticket:
    return ticket.model_copy(update={"version": ticket.version + 1, "updated_at": LATER, **values})


def pages(read: Callable[[str | None], Page[Any]]) -> Iterator[list[Any]]:
    """Yield the items of every page of a list, following its cursors."""
    cursor = None
    while True:
        page = read(cursor)
        yield page.items
        cursor = page.cursor
        if cursor is None:
            return


def numbers(tickets: TicketRepository, wanted: TicketFilter, limit: int = 100) -> list[int]:
    return [ticket.number for page in pages(lambda c: tickets.list(wanted, limit=limit, cursor=c)) for ticket in page]


# --- one ticket ------------------------------------------------------------------------------------------------------


def test_a_created_ticket_is_read_back_whole(acme: TicketRepository) -> None:
    ticket = a_ticket(tags=["vpn", "Füße 🎫"], assigned_to_id=AGENT_ID, request_hash="abc", description="zwei\nZeilen")
    acme.create(ticket, an_event(ticket))
    assert acme.get(TICKET_ID) == ticket


def test_the_items_of_a_new_ticket(acme: TicketRepository, items: Items) -> None:
    ticket = a_ticket(tags=["vpn"])
    event = an_event(
        ticket,
        EventType.TICKET_CREATED,
        title=Change(after="VPN drops"),
        status=Change(after="NEW"),
        tags=Change(after=["vpn"]),
    )
    acme.create(ticket, event)
    partition = {"S": f"TENANT#acme#TICKET#{TICKET_ID}"}
    created, told = sorted(items(), key=lambda item: item["SK"]["S"], reverse=True)
    assert created == {
        "PK": partition,
        "SK": {"S": "TICKET"},
        "id": {"S": TICKET_ID},
        "tenantId": {"S": "acme"},
        "number": {"N": "1"},
        "title": {"S": "VPN drops"},
        "description": {"S": "Every ten minutes."},
        "status": {"S": "NEW"},
        "priority": {"S": "MEDIUM"},
        "type": {"S": "INCIDENT"},
        "reporterId": {"S": REPORTER_ID},
        "tags": {"L": [{"S": "vpn"}]},
        "version": {"N": "1"},
        "createdAt": {"S": MOMENT_TEXT},
        "updatedAt": {"S": MOMENT_TEXT},
        "tenantKey": {"S": "TENANT#acme#TICKETS"},
        "statusKey": {"S": "TENANT#acme#STATUS#NEW"},
        "assigneeKey": {"S": "TENANT#acme#ASSIGNEE#none"},
        "reporterKey": {"S": f"TENANT#acme#REPORTER#{REPORTER_ID}"},
        "listKey": {"S": f"{MOMENT_TEXT}#{TICKET_ID}"},
    }
    assert told == {
        "PK": partition,
        "SK": {"S": "EVENT#0000000001"},
        "eventId": {"S": event.id},
        "eventType": {"S": "TicketCreated"},
        "schemaVersion": {"N": "2"},
        "tenantId": {"S": "acme"},
        "ticketId": {"S": TICKET_ID},
        "version": {"N": "1"},
        "occurredAt": {"S": MOMENT_TEXT},
        "actorId": {"S": AGENT_ID},
        "actorRole": {"S": "agent"},
        "changes": {
            "M": {
                "title": {"M": {"to": {"S": "VPN drops"}}},
                "status": {"M": {"to": {"S": "NEW"}}},
                "tags": {"M": {"to": {"L": [{"S": "vpn"}]}}},
            }
        },
        "ticket": {
            "M": {
                "number": {"N": "1"},
                "title": {"S": "VPN drops"},
                "status": {"S": "NEW"},
                "priority": {"S": "MEDIUM"},
                "type": {"S": "INCIDENT"},
                "reporterId": {"S": REPORTER_ID},
            }
        },
    }


def test_a_ticket_is_created_once(acme: TicketRepository, items: Items) -> None:
    acme.create(a_ticket(), an_event(a_ticket()))
    before = items()
    with pytest.raises(TicketExistsError) as raised:
        acme.create(a_ticket(title="Another"), an_event(a_ticket()))
    assert raised.value.ticket == a_ticket()
    assert items() == before


def test_creating_meets_a_ticket_in_the_trash_too(acme: TicketRepository) -> None:
    acme.create(a_ticket(), an_event(a_ticket()))
    deleted = trash(acme, a_ticket())
    with pytest.raises(TicketExistsError) as raised:
        acme.create(a_ticket(), an_event(a_ticket()))
    assert raised.value.ticket.deleted_at == deleted.deleted_at == MOMENT_TEXT


@pytest.mark.parametrize("ticket_id", [TICKET_ID, "", "x" * 500], ids=["valid", "empty", "long"])
def test_what_is_not_there_is_none(acme: TicketRepository, ticket_id: str) -> None:
    assert acme.get(ticket_id) is None
    assert acme.get_deleted(ticket_id, now=MOMENT) is None


def test_numbers_count_up_per_tenant(acme: TicketRepository, globex: TicketRepository, items: Items) -> None:
    taken = [each.take_number(among=[Creators.EVERYBODY]).number for each in (acme, acme, globex, acme)]
    assert taken == [1, 2, 1, 3]
    assert {"PK": {"S": "TENANT#acme#COUNTER"}, "SK": {"S": "TICKETS"}, "lastNumber": {"N": "3"}} in items()


def test_no_number_is_taken_for_those_who_may_not_create(
    acme: TicketRepository, dynamodb: DynamoDBClient, items: Items
) -> None:
    counter = {"PK": {"S": "TENANT#acme#COUNTER"}, "SK": {"S": "TICKETS"}, "lastNumber": {"N": "7"}}
    dynamodb.put_item(TableName=TABLE, Item=counter | {"creators": {"S": "AGENTS"}, "defaultPriority": {"S": "LOW"}})
    before = items()
    with pytest.raises(NotAmongCreatorsError) as raised:
        acme.take_number(among=[Creators.EVERYBODY])
    assert raised.value.creators is Creators.AGENTS
    assert items() == before
    assert acme.take_number(among=[Creators.EVERYBODY, Creators.AGENTS]) == TakenNumber(8, Priority.LOW)


@pytest.mark.parametrize("tenant", ["", "acme#TICKET", "#"])
def test_there_is_no_repository_without_a_tenant(dynamodb: DynamoDBClient, tenant: str) -> None:
    with pytest.raises(ValueError, match="a repository needs a tenant"):
        TicketRepository(data_of(dynamodb, tenant))


def test_a_state_machines_item_is_a_ticket() -> None:
    ticket = a_ticket(status=Status.CLOSED, closed_at=MOMENT_TEXT, tags=["a"], assigned_to_id=AGENT_ID, version=12)
    item = as_item(ticket, statusKey="TENANT#acme#STATUS#CLOSED", listKey="x")
    assert TicketRepository.ticket_from(item) == ticket


# --- changes ---------------------------------------------------------------------------------------------------------


def test_an_update_writes_the_changed_attributes_only(
    acme: TicketRepository, dynamodb: DynamoDBClient, items: Items
) -> None:
    before = stored(dynamodb, a_ticket(resolution="old", assigned_to_id=OTHER_ID))
    sent: list[dict[str, Any]] = []
    dynamodb.meta.events.register(
        "provide-client-params.dynamodb.TransactWriteItems", lambda params, **_: sent.append(params)
    )
    after = changed(before, title="New", resolution=None, assigned_to_id=AGENT_ID)

    acme.update(before, after, an_event(after))

    update = sent[0]["TransactItems"][0]["Update"]
    assert sorted(update["ExpressionAttributeNames"].values()) == [
        "assignedToId",
        "assigneeKey",
        "listKey",
        "resolution",
        "title",
        "updatedAt",
        "version",
    ]
    assert acme.get(TICKET_ID) == after
    item = next(item for item in items() if item["SK"]["S"] == "TICKET")
    assert "resolution" not in item
    assert item["assigneeKey"] == {"S": f"TENANT#acme#ASSIGNEE#{AGENT_ID}"}
    assert item["listKey"] == {"S": f"{LATER}#{TICKET_ID}"}
    assert item["statusKey"] == {"S": "TENANT#acme#STATUS#NEW"}


def test_no_event_has_an_attribute_named_status(acme: TicketRepository, items: Items) -> None:
    ticket = a_ticket()
    acme.create(ticket, an_event(ticket, EventType.TICKET_CREATED, status=Change(after="NEW")))
    after = changed(ticket, title="New")
    acme.update(ticket, after, an_event(after, title=Change(before="VPN drops", after="New")))
    trash(acme, after)
    events = [item for item in items() if item["SK"]["S"].startswith("EVENT#")]
    assert len(events) == 3
    assert all("status" not in event for event in events)


@pytest.mark.parametrize("stale", ["update", "delete", "restore"])
def test_a_change_of_an_older_version_writes_nothing(
    acme: TicketRepository, dynamodb: DynamoDBClient, items: Items, stale: str
) -> None:
    old = stored(dynamodb, a_ticket())
    newer = changed(old, title="Newer")
    acme.update(old, newer, an_event(newer))
    before = items()
    after = changed(old, title="Too late")
    writes = {
        "update": lambda: acme.update(old, after, an_event(after)),
        "delete": lambda: acme.delete(old, after, an_event(after), now=MOMENT),
        "restore": lambda: acme.restore(old, after, an_event(after)),
    }
    with pytest.raises(VersionConflictError):
        writes[stale]()
    assert items() == before


def test_a_change_of_no_ticket_makes_none(acme: TicketRepository, items: Items) -> None:
    after = changed(a_ticket(), title="Ghost")
    with pytest.raises(VersionConflictError):
        acme.update(a_ticket(), after, an_event(after))
    assert items() == []


def test_another_tenant_cannot_change_a_ticket(
    globex: TicketRepository, dynamodb: DynamoDBClient, items: Items
) -> None:
    ticket = stored(dynamodb, a_ticket())
    before = items()
    after = changed(ticket, title="Taken over")
    with pytest.raises(VersionConflictError):
        globex.update(ticket, after, an_event(after))
    assert items() == before


@pytest.mark.parametrize(
    ("codes", "raised"),
    [
        pytest.param(["TransactionConflict", "None"], VersionConflictError, id="another transaction at work"),
        pytest.param(["None", "TransactionConflict"], VersionConflictError, id="at work on the event"),
        pytest.param(["ConditionalCheckFailed", "TransactionConflict"], VersionConflictError, id="both"),
        pytest.param(["ThrottlingError", "None"], ClientError, id="throttled"),
        pytest.param(["ConditionalCheckFailed", "ThrottlingError"], ClientError, id="a race, and throttled"),
        pytest.param(["None", "ItemCollectionSizeLimitExceeded"], ClientError, id="too large"),
    ],
)
@pytest.mark.parametrize("operation", ["create", "update"])
def test_why_a_transaction_was_cancelled(
    acme: TicketRepository,
    dynamodb: DynamoDBClient,
    operation: str,
    codes: list[str],
    raised: type[Exception],
) -> None:
    def cancel(**_kwargs: Any) -> None:
        raise cancelled(dynamodb, *codes)

    dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", cancel)
    after = changed(a_ticket(), title="New")
    writes = {
        "create": lambda: acme.create(a_ticket(), an_event(a_ticket())),
        "update": lambda: acme.update(a_ticket(), after, an_event(after)),
    }
    with pytest.raises(raised):
        writes[operation]()


# --- the trash -------------------------------------------------------------------------------------------------------


def test_a_deleted_ticket_is_gone_from_every_read(acme: TicketRepository, dynamodb: DynamoDBClient) -> None:
    ticket = stored(dynamodb, a_ticket(assigned_to_id=AGENT_ID))
    trash(acme, ticket)
    assert acme.get(TICKET_ID) is None
    for wanted in (
        ANYTHING,
        TicketFilter(status=(Status.NEW,)),
        TicketFilter(assigned_to_id=(AGENT_ID,)),
        TicketFilter(reporter_id=(REPORTER_ID,)),
        TicketFilter(priority=(Priority.MEDIUM,)),
    ):
        assert numbers(acme, wanted) == []


def test_the_trash_keeps_a_ticket_for_30_days(acme: TicketRepository, dynamodb: DynamoDBClient, items: Items) -> None:
    deleted = trash(acme, stored(dynamodb, a_ticket()))
    item = next(item for item in items() if item["SK"]["S"] == "TICKET")
    assert item["expiresAt"] == {"N": "1772612104"}  # 2026-03-04T08:15:04Z
    assert item["deletedAt"] == {"S": MOMENT_TEXT}
    assert "listKey" not in item
    end = MOMENT + timedelta(days=30)
    assert acme.get_deleted(TICKET_ID, now=end - timedelta(milliseconds=1)) == deleted
    assert acme.get_deleted(TICKET_ID, now=end) is None


def test_a_ticket_that_was_never_deleted_does_not_expire(acme: TicketRepository, dynamodb: DynamoDBClient) -> None:
    ticket = stored(dynamodb, a_ticket())
    assert acme.get_deleted(TICKET_ID, now=MOMENT + timedelta(days=4000)) == ticket


def test_a_restored_ticket_is_back_in_every_read(
    acme: TicketRepository, dynamodb: DynamoDBClient, items: Items
) -> None:
    deleted = trash(acme, stored(dynamodb, a_ticket()))
    restored = changed(deleted, deleted_at=None)
    acme.restore(deleted, restored, an_event(restored, EventType.TICKET_RESTORED))
    assert acme.get(TICKET_ID) == restored
    assert numbers(acme, ANYTHING) == numbers(acme, TicketFilter(status=(Status.NEW,))) == [1]
    item = next(item for item in items() if item["SK"]["S"] == "TICKET")
    assert item.keys().isdisjoint({"deletedAt", "expiresAt"})
    assert item["listKey"] == {"S": f"{LATER}#{TICKET_ID}"}


# --- lists -----------------------------------------------------------------------------------------------------------


def shelf(dynamodb: DynamoDBClient) -> None:
    """Fill acme with nine tickets, numbered in the order of their last change."""
    rows: list[dict[str, Any]] = [
        {"status": Status.NEW},
        {"status": Status.NEW, "assigned_to_id": AGENT_ID, "tags": ["vpn"]},
        {"status": Status.OPEN, "priority": Priority.HIGH},
        {"status": Status.OPEN, "type": TicketType.QUESTION, "assigned_to_id": AGENT_ID},
        {"status": Status.OPEN, "reporter_id": OTHER_ID, "tags": ["vpn", "wifi"]},
        {"status": Status.OPEN, "reporter_id": OTHER_ID, "priority": Priority.HIGH, "assigned_to_id": AGENT_ID},
        {"status": Status.RESOLVED, "type": TicketType.QUESTION, "tags": ["wifi"]},
        {"status": Status.RESOLVED, "reporter_id": OTHER_ID, "type": TicketType.QUESTION, "priority": Priority.HIGH},
        {"status": Status.NEW, "reporter_id": OTHER_ID, "assigned_to_id": OTHER_ID, "tags": ["vpnx"]},
    ]
    for number, row in enumerate(rows, start=1):
        at = timestamp(MOMENT + timedelta(seconds=number))
        stored(dynamodb, a_ticket(id=derived_id(str(number)), number=number, updated_at=at, **row))


FILTERS: dict[str, tuple[TicketFilter, set[int]]] = {
    "status OPEN": (TicketFilter(status=(Status.OPEN,)), {3, 4, 5, 6}),
    "priority HIGH": (TicketFilter(priority=(Priority.HIGH,)), {3, 6, 8}),
    "type QUESTION": (TicketFilter(type=(TicketType.QUESTION,)), {4, 7, 8}),
    "the agent's": (TicketFilter(assigned_to_id=(AGENT_ID,)), {2, 4, 6}),
    "nobody's": (TicketFilter(assigned_to_id=("none",)), {1, 3, 5, 7, 8}),
    "the other's reports": (TicketFilter(reporter_id=(OTHER_ID,)), {5, 6, 8, 9}),
    "tag vpn": (TicketFilter(tag=("vpn",)), {2, 5}),
}


def merged(one: TicketFilter, other: TicketFilter) -> TicketFilter:
    names = ("status", "priority", "type", "assigned_to_id", "reporter_id", "tag")
    return TicketFilter(**{name: getattr(one, name) or getattr(other, name) for name in names})


PAIRS = [
    pytest.param(merged(FILTERS[a][0], FILTERS[b][0]), FILTERS[a][1] & FILTERS[b][1], id=f"{a}, {b}")
    for a, b in combinations(FILTERS, 2)
    if {a, b} != {"the agent's", "nobody's"}
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param(ANYTHING, set(range(1, 10)), id="everything"),
        *(pytest.param(wanted, found, id=name) for name, (wanted, found) in FILTERS.items()),
        *PAIRS,
        pytest.param(TicketFilter(tag=("wif",)), set(), id="part of a tag"),
        pytest.param(TicketFilter(tag=("VPN",)), set(), id="a tag in another case"),
        pytest.param(TicketFilter(status=(Status.CLOSED,)), set(), id="a status that no ticket has"),
        pytest.param(
            TicketFilter((Status.OPEN,), (Priority.HIGH,), (TicketType.INCIDENT,), (AGENT_ID,), (OTHER_ID,)),
            {6},
            id="all",
        ),
        pytest.param(
            TicketFilter((Status.OPEN,), (), (), ("none",), (OTHER_ID,), ("wifi",)), {5}, id="nobody's, status, tag"
        ),
    ],
)
def test_a_list_holds_what_matches_newest_change_first(
    acme: TicketRepository, dynamodb: DynamoDBClient, wanted: TicketFilter, found: set[int]
) -> None:
    shelf(dynamodb)
    expected = sorted(found, reverse=True)
    assert numbers(acme, wanted) == expected
    assert numbers(acme, wanted, limit=2) == expected


def test_a_list_is_one_query_of_the_fitting_index(acme: TicketRepository, dynamodb: DynamoDBClient) -> None:
    shelf(dynamodb)
    queries: list[dict[str, Any]] = []
    dynamodb.meta.events.register("provide-client-params.dynamodb.Query", lambda params, **_: queries.append(params))
    for wanted in (
        ANYTHING,
        TicketFilter(status=(Status.OPEN,)),
        TicketFilter(status=(Status.OPEN,), assigned_to_id=("none",)),
        TicketFilter(status=(Status.OPEN,), assigned_to_id=(AGENT_ID,), reporter_id=(REPORTER_ID,)),
    ):
        acme.list(wanted, limit=25, cursor=None)
    assert [(query["IndexName"], query["Limit"]) for query in queries] == [
        ("byChange", 26),
        ("byStatus", 26),
        ("byAssignee", 400),
        ("byReporter", 400),
    ]


def test_a_change_brings_a_ticket_to_the_front(acme: TicketRepository, dynamodb: DynamoDBClient) -> None:
    shelf(dynamodb)
    before = acme.get(derived_id("3"))
    assert before is not None
    after = changed(before, assigned_to_id=OTHER_ID)
    acme.update(before, after, an_event(after))
    assert numbers(acme, ANYTHING) == [3, 9, 8, 7, 6, 5, 4, 2, 1]
    assert numbers(acme, TicketFilter(assigned_to_id=(OTHER_ID,))) == [3, 9]
    assert 3 not in numbers(acme, TicketFilter(assigned_to_id=("none",)))


def crowd(dynamodb: DynamoDBClient, count: int, **values: Any) -> None:
    """Fill acme with tickets of which each three changed in the same millisecond."""
    for number in range(1, count + 1):
        at = timestamp(MOMENT + timedelta(milliseconds=number // 3))
        stored(dynamodb, a_ticket(id=derived_id(str(number)), number=number, updated_at=at, **values))


def test_paging_leaves_no_gap_and_repeats_nothing(acme: TicketRepository, dynamodb: DynamoDBClient) -> None:
    crowd(dynamodb, 64)
    read = list(pages(lambda cursor: acme.list(ANYTHING, limit=7, cursor=cursor)))
    assert [len(page) for page in read] == [7] * 9 + [1]
    tickets = [ticket for page in read for ticket in page]
    assert sorted(ticket.number for ticket in tickets) == list(range(1, 65))
    times = [ticket.updated_at for ticket in tickets]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(("count", "sizes"), [(14, [7, 7]), (7, [7]), (0, [0])], ids=["two", "one", "none"])
def test_the_last_full_page_names_no_next(
    acme: TicketRepository, dynamodb: DynamoDBClient, count: int, sizes: list[int]
) -> None:
    crowd(dynamodb, count)
    assert [len(page) for page in pages(lambda cursor: acme.list(ANYTHING, limit=7, cursor=cursor))] == sizes


def test_filtered_pages_find_everything_too(acme: TicketRepository, dynamodb: DynamoDBClient) -> None:
    for number in range(1, 62):
        priority = Priority.HIGH if number % 4 == 0 else Priority.LOW
        at = timestamp(MOMENT + timedelta(milliseconds=number))
        stored(dynamodb, a_ticket(id=derived_id(str(number)), number=number, priority=priority, updated_at=at))
    assert numbers(acme, TicketFilter(priority=(Priority.HIGH,)), limit=7) == list(range(60, 0, -4))


def test_a_filtered_page_stops_reading_and_goes_on(
    acme: TicketRepository, dynamodb: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticketing.tickets.repository.FILTERED_PAGE", 5)
    crowd(dynamodb, 12)
    rare = a_ticket(id=derived_id("rare"), number=99, priority=Priority.CRITICAL, updated_at="2020-01-01T00:00:00.000Z")
    stored(dynamodb, rare)
    read = list(pages(lambda c: acme.list(TicketFilter(priority=(Priority.CRITICAL,)), limit=7, cursor=c)))
    assert [[ticket.number for ticket in page] for page in read] == [[], [], [99]]


def test_long_texts_shorten_a_page_and_lose_no_ticket(acme: TicketRepository, dynamodb: DynamoDBClient) -> None:
    # DynamoDB ends a page at 1 MB: 30 tickets of 80 KB do not fit into one.
    crowd(dynamodb, 30, description="🎫" * 10_000, resolution="🎫" * 10_000)
    read = list(pages(lambda cursor: acme.list(ANYTHING, limit=25, cursor=cursor)))
    assert len(read) > 1
    assert sorted(ticket.number for page in read for ticket in page) == list(range(1, 31))


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(TicketFilter(status=(Status.OPEN,)), id="another filter"),
        pytest.param(TicketFilter(priority=(Priority.MEDIUM,)), id="a filter that holds the same"),
    ],
)
def test_a_cursor_belongs_to_its_query(acme: TicketRepository, dynamodb: DynamoDBClient, wanted: TicketFilter) -> None:
    crowd(dynamodb, 3)
    cursor = acme.list(ANYTHING, limit=1, cursor=None).cursor
    assert cursor is not None
    with pytest.raises(BadRequestError):
        acme.list(wanted, limit=1, cursor=cursor)


# --- history ---------------------------------------------------------------------------------------------------------


def test_a_history_is_read_oldest_first_page_by_page(acme: TicketRepository, dynamodb: DynamoDBClient) -> None:
    ticket = stored(dynamodb, a_ticket())
    for step in range(2, 13):
        after = changed(ticket, title=f"Title {step}")
        acme.update(ticket, after, an_event(after, title=Change(before=ticket.title, after=after.title)))
        ticket = after
    read = list(pages(lambda cursor: acme.history(TICKET_ID, limit=5, cursor=cursor)))
    assert [[event.version for event in page] for page in read] == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11, 12]]
    last: TicketEvent = read[2][1]
    assert last.model_dump(mode="json", by_alias=True, exclude_none=True) == {
        "id": last.id,
        "type": "TicketUpdated",
        "schemaVersion": 2,
        "tenantId": "acme",
        "ticketId": TICKET_ID,
        "version": 12,
        "occurredAt": LATER,
        "actor": {"id": AGENT_ID, "role": "agent"},
        "changes": {"title": {"from": "Title 11", "to": "Title 12"}},
        "ticket": {
            "number": 1,
            "title": "Title 12",
            "status": "NEW",
            "priority": "MEDIUM",
            "type": "INCIDENT",
            "reporterId": REPORTER_ID,
        },
    }


def test_a_history_of_exactly_one_page_names_no_next(acme: TicketRepository, dynamodb: DynamoDBClient) -> None:
    stored(dynamodb, a_ticket())
    page = acme.history(TICKET_ID, limit=1, cursor=None)
    assert (len(page.items), page.cursor) == (1, None)


def test_long_texts_shorten_a_histories_page_and_lose_no_event(
    acme: TicketRepository, dynamodb: DynamoDBClient
) -> None:
    ticket = stored(dynamodb, a_ticket())
    long = Change(before="🎫" * 10_000, after="🎟" * 10_000)
    for _ in range(16):
        after = changed(ticket)
        acme.update(ticket, after, an_event(after, description=long))
        ticket = after
    read = list(pages(lambda cursor: acme.history(TICKET_ID, limit=25, cursor=cursor)))
    assert [event.version for page in read for event in page] == list(range(1, 18))


def test_a_history_is_its_tickets_alone(acme: TicketRepository, dynamodb: DynamoDBClient) -> None:
    stored(dynamodb, a_ticket())
    stored(dynamodb, a_ticket(id=TICKET_ID[:-1]))  # an id that the other one begins with
    assert [event.ticket_id for event in acme.history(TICKET_ID, limit=25, cursor=None).items] == [TICKET_ID]
    with pytest.raises(BadRequestError):
        acme.history(TICKET_ID, limit=25, cursor="AAAAAAAAAAAAAAAAAAAA")


# --- tenants ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("one", "other"), [("acme", "globex"), ("acme", "acme2"), ("a", "a-b")])
def test_tenants_never_mix(dynamodb: DynamoDBClient, one: str, other: str) -> None:
    for tenant, number in ((one, 1), (other, 2)):
        stored(dynamodb, a_ticket(tenant_id=tenant, number=number, tags=["vpn"], assigned_to_id=AGENT_ID))
    for tenant, number in ((one, 1), (other, 2)):
        tickets = TicketRepository(data_of(dynamodb, tenant))
        read = tickets.get(TICKET_ID)
        assert read is not None
        assert (read.tenant_id, read.number) == (tenant, number)
        for wanted in (
            ANYTHING,
            TicketFilter(status=(Status.NEW,)),
            TicketFilter(assigned_to_id=(AGENT_ID,)),
            TicketFilter(reporter_id=(REPORTER_ID,)),
            TicketFilter(tag=("vpn",)),
        ):
            assert numbers(tickets, wanted) == [number]
        assert [event.tenant_id for event in tickets.history(TICKET_ID, limit=9, cursor=None).items] == [tenant]


def test_a_cursor_of_another_tenant_is_refused(
    acme: TicketRepository, globex: TicketRepository, dynamodb: DynamoDBClient
) -> None:
    crowd(dynamodb, 3)
    cursor = acme.list(ANYTHING, limit=1, cursor=None).cursor
    assert cursor is not None
    with pytest.raises(BadRequestError):
        globex.list(ANYTHING, limit=1, cursor=cursor)


def test_a_ticket_that_is_gone_for_good_leaves_its_events_alone(dynamodb: DynamoDBClient, items: Items) -> None:
    """TTL removes the ticket; the same id must not come back to life with the old one's history."""
    ticket = stored(dynamodb, a_ticket())
    key = as_item(ticket)
    dynamodb.delete_item(TableName=TABLE, Key={"PK": key["PK"], "SK": key["SK"]})
    before = items()
    tickets = TicketRepository(data_of(dynamodb, ticket.tenant_id))
    with pytest.raises(TicketGoneError):
        tickets.create(ticket, an_event(ticket, EventType.TICKET_CREATED))
    assert items() == before
