"""People on tickets: who may be named, what is shown of them, and who may create at all."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from botocore.stub import Stubber
from mypy_boto3_dynamodb import DynamoDBClient

from functions.tickets import (
    create_ticket,
    get_ticket,
    list_ticket_history,
    list_tickets,
    replace_ticket,
    restore_ticket,
    update_ticket,
)
from tests.unit.conftest import Items
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
    api_event,
    as_item,
    cancelled,
    put_user,
    send,
    stored,
)
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.ids import derived_id
from ticketing.tickets.events import SYSTEM_ID, TicketEvent
from ticketing.tickets.kinds import EventType
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Ticket
from ticketing.tickets.repository import TicketRepository

pytestmark = pytest.mark.usefixtures("dynamodb", "people", "time")

TICKETS = "/v1/tickets"
TICKET = f"{TICKETS}/{TICKET_ID}"
NEW = {"title": "VPN drops", "description": "Every ten minutes."}
WHOLE = NEW | {"status": "NEW", "priority": "MEDIUM", "type": "INCIDENT", "reporterId": REPORTER_ID}

ASSIGNEE = "assignedToId: names no active agent or admin of this tenant"
REPORTED_BY = "reporterId: names no active user of this tenant"

RITA = {"id": REPORTER_ID, "name": "Rita", "active": True}
ANNA = {"id": AGENT_ID, "name": "Anna", "active": True}
ADA = {"id": ADMIN_ID, "name": "Ada", "active": True}


def create(body: Any = NEW, *, caller: Caller = AGENT, key: str | None = None) -> Answer:
    headers = {} if key is None else {"Idempotency-Key": key}
    return send(create_ticket.handler, api_event("POST", TICKETS, caller=caller, body=body, headers=headers))


def update(body: Any, *, caller: Caller = AGENT) -> Answer:
    return send(update_ticket.handler, api_event("PATCH", TICKET, caller=caller, body=body))


def replace(body: Any, *, caller: Caller = AGENT) -> Answer:
    return send(replace_ticket.handler, api_event("PUT", TICKET, caller=caller, body=WHOLE | body))


def get(query: str = "", *, caller: Caller = AGENT, headers: dict[str, str] | None = None) -> Answer:
    return send(get_ticket.handler, api_event("GET", TICKET + query, caller=caller, headers=headers))


def listed(query: str = "", *, caller: Caller = AGENT) -> Answer:
    return send(list_tickets.handler, api_event("GET", TICKETS + query, caller=caller))


def history(query: str = "", *, caller: Caller = AGENT) -> Answer:
    return send(list_ticket_history.handler, api_event("GET", f"{TICKET}/history{query}", caller=caller))


def settings(client: DynamoDBClient, **copied: str) -> None:
    """Write a tenant's settings where creating tickets finds them."""
    item = {name: {"S": value} for name, value in copied.items()}
    client.put_item(TableName=TABLE, Item={"PK": {"S": "TENANT#acme#COUNTER"}, "SK": {"S": "TICKETS"}, **item})


@pytest.fixture
def ticket(dynamodb: DynamoDBClient) -> Ticket:
    """A ticket that REPORTER reported."""
    return stored(dynamodb, a_ticket())


@pytest.fixture
def calls(dynamodb: DynamoDBClient) -> Counter[str]:
    """What is asked of DynamoDB from here on."""
    counted = Counter[str]()
    dynamodb.meta.events.register("before-call.dynamodb", lambda model, **_: counted.update([model.name]))
    return counted


# --- who may be named ------------------------------------------------------------------------------------------------

REFUSED = [
    pytest.param({"assignedToId": OTHER_ID}, [ASSIGNEE], id="a reporter is assigned"),
    pytest.param({"assignedToId": derived_id("nobody")}, [ASSIGNEE], id="nobody is assigned"),
    pytest.param({"reporterId": derived_id("nobody")}, [REPORTED_BY], id="nobody reported it"),
    pytest.param(
        {"reporterId": derived_id("nobody"), "assignedToId": derived_id("no one")}, [ASSIGNEE, REPORTED_BY], id="both"
    ),
    pytest.param({"reporterId": AGENT_ID, "assignedToId": OTHER_ID}, [ASSIGNEE], id="the caller, and a reporter"),
    pytest.param({"reporterId": ADMIN_ID, "assignedToId": OTHER_ID}, [ASSIGNEE], id="one of two"),
    pytest.param({"reporterId": OTHER_ID, "assignedToId": OTHER_ID}, [ASSIGNEE], id="a reporter as both"),
    pytest.param(
        {"reporterId": derived_id("nobody"), "assignedToId": derived_id("nobody")}, [ASSIGNEE], id="nobody as both"
    ),
]


@pytest.mark.parametrize(("fields", "details"), REFUSED)
def test_a_new_ticket_names_nobody_who_can_not_be_named(
    items: Items, fields: dict[str, str], details: list[str]
) -> None:
    answer = create(NEW | fields)
    assert (answer.error, answer.details) == ((422, "invalid_reference"), details)
    assert [item["SK"]["S"] for item in items()] == ["TICKETS"]  # a number is gone, and nothing else happened


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize("through", [update, replace])
@pytest.mark.parametrize(("fields", "details"), REFUSED)
def test_a_change_names_nobody_who_can_not_be_named(
    items: Items, through: Callable[..., Answer], fields: dict[str, str], details: list[str]
) -> None:
    before = items()
    answer = through(fields | {"title": "Another"})
    assert (answer.error, answer.details) == ((422, "invalid_reference"), details)
    assert items() == before


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize(
    ("user", "fields", "detail"),
    [(ADMIN, {"assignedToId": ADMIN_ID}, ASSIGNEE), (OTHER_REPORTER, {"reporterId": OTHER_ID}, REPORTED_BY)],
    ids=["assignee", "reporter"],
)
def test_who_is_no_longer_active_is_not_named(
    dynamodb: DynamoDBClient, user: Caller, fields: dict[str, str], detail: str
) -> None:
    put_user(dynamodb, user, active=False)
    for answer in (create(NEW | fields), update(fields), replace(fields)):
        assert (answer.error, answer.details) == ((422, "invalid_reference"), [detail])


def test_another_tenants_people_are_nobody_here(dynamodb: DynamoDBClient) -> None:
    stranger = Caller(derived_id("stranger"), "globex", Role.ADMIN)
    put_user(dynamodb, stranger)
    for field, detail in (("assignedToId", ASSIGNEE), ("reporterId", REPORTED_BY)):
        answer = create(NEW | {field: stranger.user_id})
        assert (answer.error, answer.details) == ((422, "invalid_reference"), [detail])


def test_agents_and_admins_are_assigned_and_anybody_reports() -> None:
    for assignee in (AGENT_ID, ADMIN_ID):
        for reporter in (REPORTER_ID, OTHER_ID, AGENT_ID, ADMIN_ID):
            assert create(NEW | {"assignedToId": assignee, "reporterId": reporter}).status == 201


@pytest.mark.parametrize("through", [update, replace])
def test_who_is_named_already_stays_though_no_longer_active(
    dynamodb: DynamoDBClient, calls: Counter[str], through: Callable[..., Answer]
) -> None:
    stored(dynamodb, a_ticket(assigned_to_id=ADMIN_ID))
    for user in (REPORTER, ADMIN):
        put_user(dynamodb, user, active=False)
    calls.clear()
    answer = through({"assignedToId": ADMIN_ID, "reporterId": REPORTER_ID, "title": "Another"})
    assert (answer.status, answer.json["title"]) == (200, "Another")
    assert calls == {"GetItem": 1, "TransactWriteItems": 1}


def test_the_assignee_is_taken_off_whoever_it_was(dynamodb: DynamoDBClient) -> None:
    stored(dynamodb, a_ticket(assigned_to_id=derived_id("nobody")))
    assert update({"assignedToId": None}).json["assignedToId"] is None


def test_a_restored_ticket_names_whom_it_named(dynamodb: DynamoDBClient, calls: Counter[str]) -> None:
    stored(dynamodb, a_ticket(assigned_to_id=derived_id("nobody"), deleted_at="2026-02-02T08:15:04.120Z"))
    calls.clear()
    answer = send(restore_ticket.handler, api_event("POST", f"{TICKET}/restore", caller=ADMIN))
    assert answer.status == 200
    assert calls == {"GetItem": 2, "TransactWriteItems": 1}  # the caller, and the ticket


@pytest.mark.usefixtures("ticket")
def test_the_caller_is_known_to_be_there(dynamodb: DynamoDBClient) -> None:
    """The authorizer has just looked; somebody who was made in Cognito may have no row yet."""
    dynamodb.delete_item(TableName="users", Key={"PK": {"S": f"TENANT#acme#USER#{AGENT_ID}"}, "SK": {"S": "USER"}})
    assert create().status == 201
    assert create(NEW | {"reporterId": AGENT_ID}).status == 201
    assert update({"reporterId": AGENT_ID}).status == 200


def test_naming_people_costs_no_request_more(calls: Counter[str]) -> None:
    assert create(NEW | {"assignedToId": ADMIN_ID, "reporterId": OTHER_ID}).status == 201
    assert calls == {"UpdateItem": 1, "TransactWriteItems": 1}


@pytest.mark.usefixtures("ticket")
def test_a_change_of_people_costs_no_request_more(calls: Counter[str]) -> None:
    assert update({"assignedToId": ADMIN_ID, "reporterId": OTHER_ID}).status == 200
    assert calls == {"GetItem": 1, "TransactWriteItems": 1}


# --- the same with another status ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize(("fields", "details"), REFUSED)
def test_a_move_names_nobody_who_can_not_be_named(
    lifecycle: StubbedLifecycle, fields: dict[str, str], details: list[str]
) -> None:
    for answer in (update(fields | {"status": "OPEN"}), replace(fields | {"status": "OPEN"})):
        assert (answer.error, answer.details) == ((422, "invalid_reference"), details)
    assert lifecycle.inputs == []


@pytest.mark.usefixtures("ticket")
def test_a_move_that_names_somebody_costs_one_read_more(lifecycle: StubbedLifecycle, calls: Counter[str]) -> None:
    lifecycle.decides("MOVED", a_ticket(status=Status.OPEN, version=2))
    assert update({"status": "OPEN", "assignedToId": ADMIN_ID}).status == 200
    assert lifecycle.inputs[0]["fields"] == {"assignedToId": ADMIN_ID}
    assert calls == {"GetItem": 2}


def test_a_move_that_names_nobody_anew_reads_nobody(
    dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle, calls: Counter[str]
) -> None:
    stored(dynamodb, a_ticket(assigned_to_id=derived_id("nobody")))
    calls.clear()
    lifecycle.decides("MOVED", a_ticket(status=Status.OPEN, version=2))
    assert update({"status": "OPEN", "assignedToId": derived_id("nobody"), "reporterId": AGENT_ID}).status == 200
    assert calls == {"GetItem": 1}


@pytest.mark.usefixtures("ticket")
def test_who_may_not_change_a_field_is_not_told_about_people(lifecycle: StubbedLifecycle) -> None:
    for body in ({"assignedToId": OTHER_ID}, {"assignedToId": OTHER_ID, "status": "CLOSED"}):
        assert update(body, caller=REPORTER).error == (403, "forbidden")
    assert update({"assignedToId": OTHER_ID}, caller=STRANGER).error == (404, "ticket_not_found")
    assert lifecycle.inputs == []


# --- lost races ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize(
    "codes",
    [
        pytest.param(["None", "None", "TransactionConflict"], id="somebody changes the person"),
        pytest.param(["ConditionalCheckFailed", "None", "ConditionalCheckFailed"], id="the ticket changed as well"),
        pytest.param(["TransactionConflict", "None", "ConditionalCheckFailed"], id="the ticket is being changed"),
    ],
)
def test_a_race_about_people_is_decided_anew(dynamodb: DynamoDBClient, codes: list[str]) -> None:
    losses = iter([True])

    def lose(**_kwargs: Any) -> None:
        if next(losses, False):
            raise cancelled(dynamodb, *codes)

    dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", lose)
    assert update({"assignedToId": ADMIN_ID}).json["assignedToId"] == ADMIN_ID


@pytest.mark.usefixtures("ticket")
def test_a_check_that_was_throttled_is_503(dynamodb: DynamoDBClient) -> None:
    def throttle(**_kwargs: Any) -> None:
        raise cancelled(dynamodb, "None", "None", "ThrottlingError")

    dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", throttle)
    assert update({"assignedToId": ADMIN_ID}).error == (503, "service_unavailable")
    assert create(NEW | {"assignedToId": ADMIN_ID}).error == (503, "service_unavailable")


def test_a_repeat_finds_the_ticket_though_its_people_are_gone(dynamodb: DynamoDBClient) -> None:
    body = NEW | {"assignedToId": ADMIN_ID, "reporterId": OTHER_ID}
    first = create(body, key="key-1")
    assert first.status == 201
    for user in (ADMIN, OTHER_REPORTER):
        put_user(dynamodb, user, active=False)
    repeat = create(body, key="key-1")
    assert (repeat.status, repeat.json) == (201, first.json)
    assert create(body, key="key-2").error == (422, "invalid_reference")
    assert create(body | {"title": "Another"}, key="key-1").error == (422, "idempotency_key_reused")


def test_a_ticket_that_is_gone_for_good_counts_before_its_people(dynamodb: DynamoDBClient) -> None:
    body = NEW | {"assignedToId": ADMIN_ID}
    made = create(body, key="key-1").json
    item = as_item(a_ticket(id=made["id"]))
    dynamodb.delete_item(TableName=TABLE, Key={"PK": item["PK"], "SK": item["SK"]})
    put_user(dynamodb, ADMIN, active=False)
    assert create(body, key="key-1").error == (409, "conflict")


# --- the tenant's settings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("creators", "caller", "message"),
    [
        pytest.param("AGENTS", REPORTER, "In this tenant only agents and admins create tickets.", id="reporter"),
        pytest.param("NOBODY", REPORTER, "The tenant is being deleted.", id="deleting, reporter"),
        pytest.param("NOBODY", AGENT, "The tenant is being deleted.", id="deleting, agent"),
        pytest.param("NOBODY", ADMIN, "The tenant is being deleted.", id="deleting, admin"),
        pytest.param("AGENTS", AGENT, None, id="agent"),
        pytest.param("AGENTS", ADMIN, None, id="admin"),
        pytest.param("EVERYBODY", REPORTER, None, id="everybody"),
    ],
)
def test_who_may_create(
    *,
    dynamodb: DynamoDBClient,
    items: Items,
    calls: Counter[str],
    creators: str,
    caller: Caller,
    message: str | None,
) -> None:
    settings(dynamodb, creators=creators)
    before = items()
    calls.clear()
    answer = create(caller=caller)
    if message is None:
        assert (answer.status, answer.json["number"]) == (201, 1)
    else:
        assert (answer.error, answer.json["message"]) == ((403, "forbidden"), message)
        assert items() == before
        assert calls == {"UpdateItem": 1}


def test_a_tenants_setting_is_its_own(dynamodb: DynamoDBClient) -> None:
    settings(dynamodb, creators="NOBODY", defaultPriority="LOW")
    made = create(caller=STRANGER)
    assert (made.status, made.json["priority"]) == (201, "MEDIUM")


@pytest.mark.parametrize(
    ("default", "body", "expected"),
    [
        pytest.param("HIGH", {}, "HIGH", id="the tenant's"),
        pytest.param("HIGH", {"priority": "LOW"}, "LOW", id="the body's"),
        pytest.param("HIGH", {"priority": "MEDIUM"}, "MEDIUM", id="the body's, though it is the usual one"),
        pytest.param(None, {}, "MEDIUM", id="the usual one"),
    ],
)
def test_the_priority_of_a_ticket_that_names_none(
    dynamodb: DynamoDBClient, calls: Counter[str], default: str | None, body: dict[str, str], expected: str
) -> None:
    settings(dynamodb, **({} if default is None else {"defaultPriority": default}))
    calls.clear()
    made = create(NEW | body, caller=REPORTER)
    assert (made.status, made.json["priority"]) == (201, expected)
    assert calls == {"UpdateItem": 1, "TransactWriteItems": 1}
    event = send(list_ticket_history.handler, api_event("GET", f"{TICKETS}/{made.json['id']}/history")).json[0]
    assert event["changes"]["priority"] == {"from": None, "to": expected}


def test_a_changed_default_makes_no_repeat_another_body(dynamodb: DynamoDBClient) -> None:
    settings(dynamodb, defaultPriority="HIGH")
    first = create(caller=REPORTER, key="key-1")
    settings(dynamodb, defaultPriority="LOW")
    repeat = create(caller=REPORTER, key="key-1")
    assert (repeat.status, repeat.json) == (201, first.json)
    assert create(NEW | {"priority": "HIGH"}, caller=REPORTER, key="key-1").error == (422, "idempotency_key_reused")


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "expanded"),
    [
        ("?expand=reporter", {"reporter": RITA}),
        ("?expand=assignedTo", {"assignedTo": ANNA}),
        ("?expand=reporter,assignedTo", {"reporter": RITA, "assignedTo": ANNA}),
        ("?expand=assignedTo%2Creporter", {"reporter": RITA, "assignedTo": ANNA}),
        ("", {}),
    ],
)
@pytest.mark.parametrize("caller", [REPORTER, AGENT], ids=["reporter", "agent"])
def test_a_ticket_tells_its_peoples_names(
    dynamodb: DynamoDBClient, calls: Counter[str], caller: Caller, query: str, expanded: dict[str, Any]
) -> None:
    stored(dynamodb, a_ticket(assigned_to_id=AGENT_ID))
    plain = get(caller=caller).json
    calls.clear()
    answer = get(query, caller=caller)
    assert (answer.status, answer.headers["ETag"]) == (200, '"1"')
    assert answer.json == plain | expanded
    assert calls == {"GetItem": 1} | ({"BatchGetItem": 1} if expanded else {})
    assert listed(query, caller=caller).json == [plain | expanded]


@pytest.mark.usefixtures("ticket")
def test_nobody_has_no_name(calls: Counter[str]) -> None:
    assert get("?expand=assignedTo").json["assignedTo"] is None
    assert "BatchGetItem" not in calls


def test_who_is_not_there_has_no_name(dynamodb: DynamoDBClient) -> None:
    gone = derived_id("gone")
    stored(dynamodb, a_ticket(reporter_id=gone, assigned_to_id=ADMIN_ID))
    put_user(dynamodb, ADMIN, name="Ada", active=False)
    shown = get("?expand=reporter,assignedTo").json
    assert shown["reporter"] == {"id": gone, "name": None, "active": False}
    assert shown["assignedTo"] == ADA | {"active": False}


@pytest.mark.usefixtures("ticket")
def test_a_name_may_change_without_the_version(dynamodb: DynamoDBClient) -> None:
    known = {"If-None-Match": '"1"'}
    assert get(headers=known).status == 304
    put_user(dynamodb, REPORTER, name="Margarita")
    answer = get("?expand=reporter", headers=known)
    assert (answer.status, answer.headers["ETag"], answer.json["reporter"]["name"]) == (200, '"1"', "Margarita")


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize(
    "query", ["?expand=actor", "?expand=", "?expand=reporter,,", "?expand=reporter&expand=reporter"]
)
@pytest.mark.parametrize("read", [get, listed, lambda query: history(query.replace("actor", "reporter"))])
def test_what_can_not_be_expanded_is_400(calls: Counter[str], read: Callable[[str], Answer], query: str) -> None:
    calls.clear()
    answer = read(query)
    assert answer.error == (400, "bad_request")
    assert answer.details
    assert calls == {}


@pytest.mark.usefixtures("ticket")
def test_another_parameter_of_a_ticket_is_400() -> None:
    assert get("?expand=reporter&limit=5").details == ["limit: unknown field"]


@pytest.mark.usefixtures("ticket")
def test_names_are_told_to_those_only_who_see_the_ticket(calls: Counter[str]) -> None:
    for caller in (OTHER_REPORTER, STRANGER):
        assert get("?expand=reporter", caller=caller).error == (404, "ticket_not_found")
        assert listed("?expand=reporter", caller=caller).json == []
    assert "BatchGetItem" not in calls


def test_a_page_of_tickets_asks_for_its_people_once(dynamodb: DynamoDBClient, calls: Counter[str]) -> None:
    for number in range(30):
        reporter, assignee = (REPORTER_ID, AGENT_ID) if number % 2 else (OTHER_ID, ADMIN_ID)
        stored(dynamodb, a_ticket(id=derived_id(str(number)), reporter_id=reporter, assigned_to_id=assignee))
    calls.clear()
    page = listed("?expand=reporter,assignedTo&limit=30").json
    assert calls == {"Query": 1, "BatchGetItem": 1}
    assert Counter((ticket["reporter"]["name"], ticket["assignedTo"]["name"]) for ticket in page) == {
        ("Rita", "Anna"): 15,
        ("Otto", "Ada"): 15,
    }


def test_a_cursor_goes_with_any_expand(dynamodb: DynamoDBClient) -> None:
    for number in range(3):
        stored(dynamodb, a_ticket(id=derived_id(str(number)), updated_at=f"2026-02-0{number + 1}T00:00:00.000Z"))
    first = listed("?limit=2&expand=reporter")
    assert first.next is not None
    assert "expand=reporter" in first.next
    second = listed("?" + first.next.partition("?")[2])
    assert [ticket["reporter"] for ticket in second.json] == [RITA]
    plain = listed("?" + first.next.partition("?")[2].replace("expand=reporter&", ""))
    assert [ticket["id"] for ticket in plain.json] == [ticket["id"] for ticket in second.json]
    assert "reporter" not in plain.json[0]


def test_a_history_tells_its_actors_names(
    dynamodb: DynamoDBClient, acme: TicketRepository, calls: Counter[str]
) -> None:
    ticket = stored(dynamodb, a_ticket())
    for caller in (REPORTER, Caller(SYSTEM_ID, "acme", Role.SYSTEM), ADMIN):
        after = ticket.model_copy(update={"version": ticket.version + 1})
        acme.update(ticket, after, TicketEvent.of(EventType.TICKET_UPDATED, after, caller, {}))
        ticket = after
    plain = history(caller=REPORTER).json
    assert plain[2]["actor"] == {"id": "00000000-0000-0000-0000-000000000000", "role": "system"}
    calls.clear()
    shown = history("?expand=actor", caller=REPORTER).json
    assert calls == {"GetItem": 1, "Query": 1, "BatchGetItem": 1}
    assert [event.pop("actor") for event in shown] == [
        ANNA | {"role": "agent"},
        RITA | {"role": "reporter"},
        {"id": SYSTEM_ID, "role": "system", "name": None, "active": False},
        ADA | {"role": "admin"},
    ]
    assert shown == [{name: value for name, value in event.items() if name != "actor"} for event in plain]
    page = history("?expand=actor&limit=1")
    assert page.next is not None
    assert "expand=actor" in page.next


@pytest.mark.usefixtures("ticket")
def test_names_that_can_not_be_read_are_503(dynamodb: DynamoDBClient) -> None:
    with Stubber(dynamodb) as stubber:
        stubber.add_response("get_item", {"Item": as_item(a_ticket())})
        stubber.add_client_error("batch_get_item", "ThrottlingException")
        assert get("?expand=reporter").error == (503, "service_unavailable")
