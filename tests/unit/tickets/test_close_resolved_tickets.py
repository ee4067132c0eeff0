"""Resolved tickets are closed after as many days as their tenant has set, by the state machine and nobody else."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from mypy_boto3_dynamodb import DynamoDBClient

from functions.tickets import close_resolved_tickets
from functions.tickets.close_resolved_tickets import NotAllClosedError
from tests.unit.conftest import Clock
from tests.unit.support import MOMENT, USERS_TABLE, Context, StubbedLifecycle, a_ticket, an_event, data_of, stored
from ticketing.clock import timestamp
from ticketing.ids import derived_id
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Ticket
from ticketing.tickets.repository import TicketRepository

pytestmark = pytest.mark.usefixtures("dynamodb", "time")

NOW = MOMENT + timedelta(days=100)


@pytest.fixture(autouse=True)
def present(time: Clock) -> None:
    time.set(NOW)


def setting(client: DynamoDBClient, tenant: str, days: int) -> None:
    """Let a tenant's resolved tickets be closed after so many days."""
    client.put_item(
        TableName=USERS_TABLE,
        Item={
            "PK": {"S": f"TENANT#{tenant}#AUTO_CLOSE"},
            "SK": {"S": "AUTO_CLOSE"},
            "taskKey": {"S": "AUTO_CLOSE"},
            "taskSince": {"S": tenant},
            "tenantId": {"S": tenant},
            "days": {"N": str(days)},
        },
    )


def resolved(client: DynamoDBClient, tenant: str, name: str, *, age: timedelta, **values: Any) -> Ticket:
    """Return a ticket that has not changed for this long."""
    values = {"status": Status.RESOLVED, "version": 4} | values
    at = timestamp(NOW - age)
    return stored(client, a_ticket(id=derived_id(tenant, name), tenant_id=tenant, updated_at=at, **values))


def run(left: Iterator[int] | None = None) -> None:
    close_resolved_tickets.handler({}, Context(left=left) if left else Context())


def sent(lifecycle: StubbedLifecycle) -> list[tuple[str, str]]:
    return [(each["tenantId"], each["ticketId"]) for each in lifecycle.inputs]


def test_what_is_due_is_closed_by_the_state_machine(dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle) -> None:
    setting(dynamodb, "acme", 7)
    ticket = resolved(dynamodb, "acme", "due", age=timedelta(days=8))
    lifecycle.decides("MOVED", ticket)
    run()
    assert lifecycle.inputs == [
        {
            "tenantId": "acme",
            "ticketId": ticket.id,
            "actor": {"id": "00000000-0000-0000-0000-000000000000", "role": "system"},
            "to": "CLOSED",
            "fields": {},
            "comment": None,
            "expectedVersion": 4,
            "newComment": None,
        }
    ]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"age": timedelta(days=7)}, id="just not due"),
        pytest.param({"age": timedelta(days=1)}, id="touched since"),
        *(
            pytest.param({"age": timedelta(days=50), "status": status}, id=f"{status}, for long")
            for status in Status
            if status is not Status.RESOLVED
        ),
    ],
)
@pytest.mark.usefixtures("lifecycle")  # which refuses whatever it was not told to expect
def test_what_is_not_due_is_left_alone(
    dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle, values: dict[str, Any]
) -> None:
    setting(dynamodb, "acme", 7)
    resolved(dynamodb, "acme", "ticket", **values)
    resolved(dynamodb, "globex", "of a tenant without the setting", age=timedelta(days=99))
    run()
    assert lifecycle.inputs == []


def test_a_ticket_is_due_the_moment_after(dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle) -> None:
    setting(dynamodb, "acme", 7)
    ticket = resolved(dynamodb, "acme", "ticket", age=timedelta(days=7, milliseconds=1))
    lifecycle.decides("MOVED", ticket)
    run()
    assert len(lifecycle.inputs) == 1


def test_a_ticket_in_the_trash_is_left_alone(dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle) -> None:
    setting(dynamodb, "acme", 7)
    ticket = resolved(dynamodb, "acme", "ticket", age=timedelta(days=50))
    deleted = ticket.model_copy(update={"version": 5, "deleted_at": timestamp(NOW)})
    TicketRepository(data_of(dynamodb, "acme")).delete(ticket, deleted, an_event(deleted), now=NOW)
    run()
    assert lifecycle.inputs == []


def test_tenants_take_turns_the_longest_unchanged_first(dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle) -> None:
    tickets = {}
    for tenant, days in (("acme", 10), ("globex", 20)):
        setting(dynamodb, tenant, days)
        for age in (31, 33, 32, 15):
            tickets[tenant, age] = resolved(dynamodb, tenant, str(age), age=timedelta(days=age))
    for _ in range(7):
        lifecycle.decides("MOVED", a_ticket())
    run()
    assert sent(lifecycle) == [
        (tenant, tickets[tenant, age].id)
        for tenant, age in [
            ("acme", 33),
            ("globex", 33),
            ("acme", 32),
            ("globex", 32),
            ("acme", 31),
            ("globex", 31),
            ("acme", 15),
        ]
    ]


@pytest.mark.parametrize("outcome", ["VERSION_MISMATCH", "TICKET_NOT_FOUND", "TRANSITION_NOT_ALLOWED", "CONFLICT"])
def test_a_ticket_that_somebody_has_touched_is_left_alone(
    dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle, outcome: str
) -> None:
    setting(dynamodb, "acme", 7)
    first = resolved(dynamodb, "acme", "first", age=timedelta(days=9))
    second = resolved(dynamodb, "acme", "second", age=timedelta(days=8))
    lifecycle.decides(outcome, None if outcome == "TICKET_NOT_FOUND" else first)
    lifecycle.decides("MOVED", second)
    run()
    assert sent(lifecycle) == [("acme", first.id), ("acme", second.id)]


def test_one_tickets_failure_stops_no_other(dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle) -> None:
    for tenant in ("acme", "globex"):
        setting(dynamodb, tenant, 7)
        for name in ("a", "b"):
            resolved(dynamodb, tenant, name, age=timedelta(days=9))
    lifecycle.ends("FAILED", error="States.TaskFailed")
    for _ in range(3):
        lifecycle.decides("MOVED", a_ticket())
    with pytest.raises(NotAllClosedError, match="failed for 1 tenants"):
        run()
    assert [tenant for tenant, _ in sent(lifecycle)] == ["acme", "globex", "acme", "globex"]


def test_a_tenant_whose_tickets_all_fail_stops_nobody_else(
    dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle
) -> None:
    setting(dynamodb, "acme", 7)
    for number in range(12):
        resolved(dynamodb, "acme", str(number), age=timedelta(days=9))
    for _ in range(10):
        lifecycle.ends("FAILED", error="States.TaskFailed")
    with pytest.raises(NotAllClosedError, match="failed for 1 tenants"):
        run()
    assert len(lifecycle.inputs) == 10


def test_a_tenants_table_that_fails_stops_nobody_else(dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle) -> None:
    for tenant in ("acme", "globex"):
        setting(dynamodb, tenant, 7)
        resolved(dynamodb, tenant, "a", age=timedelta(days=9))

    def fail(params: dict[str, Any], **_kwargs: Any) -> None:
        if params["ExpressionAttributeValues"].get(":status") == {"S": "TENANT#acme#STATUS#RESOLVED"}:
            raise ReadTimeoutError(endpoint_url="https://dynamodb")

    dynamodb.meta.events.register("provide-client-params.dynamodb.Query", fail)
    lifecycle.decides("MOVED", a_ticket())
    with pytest.raises(NotAllClosedError):
        run()
    assert [tenant for tenant, _ in sent(lifecycle)] == ["globex"]


def test_no_ticket_is_begun_that_there_is_no_time_for(dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle) -> None:
    setting(dynamodb, "acme", 7)
    for name in ("a", "b", "c"):
        resolved(dynamodb, "acme", name, age=timedelta(days=9))
    for _ in range(2):
        lifecycle.decides("MOVED", a_ticket())
    run(iter([900_000, 30_001, 30_000]))
    assert len(lifecycle.inputs) == 2


def test_all_pages_of_settings_and_of_tickets_are_read(dynamodb: DynamoDBClient, lifecycle: StubbedLifecycle) -> None:
    for number in range(5):
        setting(dynamodb, f"tenant{number}", 7)
        for name in ("a", "b", "c"):
            resolved(dynamodb, f"tenant{number}", name, age=timedelta(days=9))

    def small_pages(params: dict[str, Any], **_kwargs: Any) -> None:
        params["Limit"] = 2

    dynamodb.meta.events.register("provide-client-params.dynamodb.Query", small_pages)
    for _ in range(15):
        lifecycle.decides("MOVED", a_ticket())
    run()
    assert len(set(sent(lifecycle))) == 15


def test_without_any_setting_nothing_is_asked(lifecycle: StubbedLifecycle) -> None:
    run()
    assert lifecycle.inputs == []
