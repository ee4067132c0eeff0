"""Erasing a tenant: all of it goes and nothing else, whatever fails on the way."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from tests.harness.size import sized
from tests.unit.support import MOMENT_TEXT, data_of
from tests.unit.users.tenants.conftest import NOTIFICATIONS, SEARCH, TICKETS, USERS, World
from ticketing.access.roles import Role
from ticketing.dynamodb.tables import ThrottledError
from ticketing.dynamodb.transactions import VersionConflictError
from ticketing.erasure.eraser import STEPS, erase
from ticketing.tickets.remains import TicketRemains
from ticketing.users.remains import UserRemains
from ticketing.users.states import DeletionState
from ticketing.users.tenant_models import TenantDeletion
from ticketing.users.tenant_repository import TenantRepository

ALWAYS: Callable[[], bool] = lambda: True  # noqa: E731 - there is always time
RECEIPT = "TENANT#acme#DELETION DELETION"


def fill(world: World, tenant_id: str, *, small: bool = False) -> str:
    """Make a tenant with something of every kind, and return the id of its admin."""
    admin = world.person(tenant_id, f"admin@{tenant_id}.example")
    world.tenant(tenant_id, f"The {tenant_id}", admin)
    world.person(tenant_id, f"agent@{tenant_id}.example", Role.AGENT)
    world.api_key(tenant_id)
    world.invitation(tenant_id, f"new@{tenant_id}.example")
    world.account(f"new@{tenant_id}.example", tenant_id)
    ticket = world.ticket(tenant_id, 1)
    for place in ("COMMENT#1", "COMMENT_KEY#1", "WATCHER#1"):
        world.put(TICKETS, {"PK": ticket, "SK": place})
    world.file(tenant_id, ticket)
    world.views(tenant_id)
    world.calendars(tenant_id)
    if not small:
        world.ticket(tenant_id, 2, events=60)
        world.ticket(tenant_id, 3, deletedAt=MOMENT_TEXT)
    world.notifications(tenant_id, 1 if small else 3)
    world.index(tenant_id)
    days = {"tenantId": tenant_id, "days": 7, "taskKey": "AUTO_CLOSE", "taskSince": tenant_id}
    world.put(USERS, {"PK": f"TENANT#{tenant_id}#AUTO_CLOSE", "SK": "AUTO_CLOSE"} | days)
    return admin


def begin(world: World, tenant_id: str, asker: str) -> None:
    """Ask for the deletion of a tenant."""
    tenants = world.tenants(tenant_id)
    tenant = tenants.get()
    assert tenant is not None
    receipt = TenantDeletion.model_validate(
        {
            "tenantId": tenant_id,
            "tenantName": tenant.name,
            "requestedById": asker,
            "state": DeletionState.RUNNING,
            "startedAt": MOMENT_TEXT,
            "taskKey": "PENDING",
            "taskSince": MOMENT_TEXT,
        }
    )
    tenants.begin_deletion(tenant, receipt)


def run(tenant_id: str = "acme", in_time: Callable[[], bool] = ALWAYS) -> int:
    """Do what the state machine does, and return how many calls it took."""
    calls = 0
    for step in STEPS:
        done = False
        while not done:
            done = erase(tenant_id, step, in_time)["done"]
            calls += 1
            assert calls < 1000
    return calls


def all_of(world: World) -> tuple[Any, ...]:
    tables = [world.items(table) for table in (USERS, TICKETS, NOTIFICATIONS, SEARCH)]
    return *tables, world.objects(), world.accounts(), world.usage_keys()


def assert_erased(world: World, rest: tuple[Any, ...], counts: dict[str, int]) -> None:
    """Nothing is left but the receipt, the counter and the asker; what else there was is as it was."""
    users, tickets, *others, accounts, usage_keys = all_of(world)
    receipt = users.pop(RECEIPT)
    assert {name: receipt[name] for name in counts} == counts
    assert receipt["state"] == "DONE"
    assert receipt["startedAt"] == MOMENT_TEXT < receipt["finishedAt"]
    assert not {"taskKey", "taskSince"} & receipt.keys()
    assert tickets.pop("TENANT#acme#COUNTER TICKETS") == {"lastNumber": 7, "creators": "NOBODY"}
    assert accounts.pop("admin@acme.example") == ("", set())
    assert (users, tickets, *others, accounts, usage_keys) == rest


@pytest.fixture
def rest(world: World) -> tuple[Any, ...]:
    """Two other tenants; the id of one starts like that of the tenant that is erased."""
    for tenant_id in ("acme-2", "globex"):
        fill(world, tenant_id)
    return all_of(world)


def test_all_of_a_tenant_goes_and_nothing_else(world: World, rest: tuple[Any, ...]) -> None:
    begin(world, "acme", fill(world, "acme"))
    assert run() == len(STEPS)
    assert_erased(world, rest, {"tickets": 3, "events": 64, "users": 2, "apiKeys": 1})


@pytest.mark.long
def test_a_tenant_of_more_than_a_page(world: World, rest: tuple[Any, ...]) -> None:
    asker = fill(world, "acme", small=True)
    for number in range(10, 120):
        world.ticket("acme", number, events=1)
        world.api_key("acme")
    begin(world, "acme", asker)
    run()
    assert_erased(world, rest, {"tickets": 111, "events": 112, "users": 2, "apiKeys": 111})


def test_each_call_ends_in_time_and_the_next_goes_on(world: World, rest: tuple[Any, ...]) -> None:
    begin(world, "acme", fill(world, "acme"))
    looks = 0

    def for_two() -> bool:
        nonlocal looks
        looks += 1
        return looks % 3 != 0

    assert run(in_time=for_two) > len(STEPS)
    assert_erased(world, rest, {"tickets": 3, "events": 64, "users": 2, "apiKeys": 1})


@pytest.mark.parametrize("answer_only", [False, True], ids=["not-done", "answer-lost"])
def test_whatever_call_fails_starting_again_ends_the_same(world: World, *, answer_only: bool) -> None:
    fill(world, "acme-2", small=True)
    rest = all_of(world)
    most = {"tickets": 1, "events": 2, "users": 2, "apiKeys": 1}
    begin(world, "acme", fill(world, "acme", small=True))
    world.faults.calls.clear()
    run()
    # What is left when a read fails is the same as when the next write does. What is left when a write's answer is lost
    # is what the next one finds: every other write, in both ways, is every state that an erasure may be in.
    writes = world.faults.numbers(answer_only=True)
    assert len(writes) > 30
    for number in writes[:: sized(2, short=12)]:
        world.delete(USERS, "TENANT#acme#DELETION", "DELETION")
        world.remove("admin@acme.example")
        begin(world, "acme", fill(world, "acme", small=True))
        world.faults.calls.clear()
        world.faults.at, world.faults.answer_only = number, answer_only
        with pytest.raises(EndpointConnectionError):
            run()
        world.faults.at = None
        run()
        counted = world.items(USERS)[RECEIPT]
        assert all(counted[name] <= most[name] for name in most), world.faults.calls[number - 1]
        assert_erased(world, rest, {})


def test_two_at_once_erase_the_same_and_count_it_once(world: World, rest: tuple[Any, ...]) -> None:
    """Each look at the clock is a moment for the other to come in between."""
    begin(world, "acme", fill(world, "acme"))
    inside = False

    def the_other_runs() -> bool:
        nonlocal inside
        if not inside:
            inside = True
            run()
        return True

    run(in_time=the_other_runs)
    assert_erased(world, rest, {"tickets": 3, "events": 64, "users": 2, "apiKeys": 1})


def test_only_a_tenant_that_is_being_deleted_is_touched(world: World, rest: tuple[Any, ...]) -> None:
    assert run("acme-2") == len(STEPS)
    assert run("nobodys") == len(STEPS)
    assert all_of(world) == rest


@pytest.mark.usefixtures("rest")
def test_an_account_that_went_to_another_tenant_stays_there(world: World) -> None:
    asker = fill(world, "acme")
    begin(world, "acme", asker)
    moved = world.person("globex", "moved@acme.example", Role.AGENT)
    world.user("acme", moved)
    invited = "taken@acme.example"
    world.account(invited, "globex")
    world.invitation("acme", invited)
    run()
    accounts = world.accounts()
    assert accounts["moved@acme.example"] == ("globex", {"agent"})
    assert accounts[invited] == ("globex", set())
    assert not any("acme#" in key for key in world.items(USERS).keys() - {RECEIPT})


def test_an_asker_who_has_founded_another_tenant_stays_its_admin(world: World) -> None:
    """As when an erasure is cut off between the account and the row, and taken up much later."""
    asker = fill(world, "acme")
    begin(world, "acme", asker)
    run()
    name: Any = {"UserPoolId": world.pool_id, "Username": asker}
    world.cognito.admin_update_user_attributes(**name, UserAttributes=[{"Name": "custom:tenantId", "Value": "next"}])
    world.cognito.admin_add_user_to_group(**name, GroupName="admin")
    world.user("acme", asker)
    begin_again(world)
    run()
    assert world.accounts()["admin@acme.example"] == ("next", {"admin"})


def begin_again(world: World) -> None:
    """Put the receipt back to before the end."""
    receipt = world.items(USERS)[RECEIPT]
    key = dict(zip(("PK", "SK"), RECEIPT.split(), strict=True))
    world.put(USERS, key | receipt | {"state": "RUNNING", "taskKey": "PENDING", "taskSince": MOMENT_TEXT})


def test_who_was_being_written_when_the_deletion_began_goes_too(world: World, rest: tuple[Any, ...]) -> None:
    """The index shows a row late, so the first look may miss it."""
    begin(world, "acme", fill(world, "acme"))
    assert erase("acme", "users", ALWAYS)["done"]
    world.person("acme", "late@acme.example")
    world.api_key("acme")
    assert erase("acme", "tickets", ALWAYS)["done"]
    assert erase("acme", "attachments", ALWAYS)["done"]
    assert erase("acme", "notifications", ALWAYS)["done"]
    assert erase("acme", "search", ALWAYS)["done"]
    world.s3.put_object(Bucket="files", Key="acme/1/late", Body=b"an address was good until now")
    world.index("acme")  # a pass was under way
    assert erase("acme", "end", ALWAYS)["done"]
    assert_erased(world, rest, {"tickets": 3, "events": 64, "users": 3, "apiKeys": 2})


def test_what_is_left_of_a_ticket_that_was_gone_before_goes_too(world: World, rest: tuple[Any, ...]) -> None:
    """Its purge has failed, and only the files lead to it."""
    begin(world, "acme", fill(world, "acme"))
    partition = world.ticket("acme", 9)
    world.file("acme", partition)
    found_by = {"tenantKey": "TENANT#acme#ATTACHMENTS", "number": 1}
    world.put(TICKETS, {"PK": partition, "SK": "ATTACHMENT#2"} | found_by)
    world.delete(TICKETS, partition, "TICKET")
    run()
    assert_erased(world, rest, {"tickets": 3, "events": 64, "users": 2, "apiKeys": 1})


def test_who_asked_is_released_though_a_change_of_their_role_was_under_way(world: World, rest: tuple[Any, ...]) -> None:
    """It told Cognito what their row said, between their release and the end of the row."""
    asker = fill(world, "acme")
    begin(world, "acme", asker)
    assert erase("acme", "users", ALWAYS)["done"]
    user: Any = {"UserPoolId": world.pool_id, "Username": asker}
    world.cognito.admin_update_user_attributes(**user, UserAttributes=[{"Name": "custom:tenantId", "Value": "acme"}])
    world.cognito.admin_add_user_to_group(**user, GroupName="agent")
    run()
    assert_erased(world, rest, {"tickets": 3, "events": 64, "users": 2, "apiKeys": 1})


def test_a_ticket_that_changes_meanwhile_is_looked_at_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that closes tickets may still be at work; the event of its change must not be left behind."""
    begin(world, "acme", fill(world, "acme"))
    partition = world.ticket("acme", 9)
    query, seen = world.dynamodb.query, []

    def with_a_change_after(**asked: Any) -> Any:
        answer = query(**asked)
        if asked.get("ExpressionAttributeValues") == {":partition": {"S": partition}}:
            seen.append(partition)
            if len(seen) == 1:
                world.ticket("acme", 9, events=3)
        return answer

    monkeypatch.setattr(world.dynamodb, "query", with_a_change_after)
    assert erase("acme", "tickets", ALWAYS)["done"]
    assert len(seen) == 3, "two looks at what there is, and one at what came last"
    assert not {key for key in world.items(TICKETS) if "#TICKET#" in key}


def test_what_comes_without_a_change_of_the_ticket_is_not_left_behind(world: World) -> None:
    """An internal comment that somebody was writing: it leaves the ticket's version as it is."""
    partition = world.ticket("acme", 9)
    remains = TicketRemains(data_of(world.dynamodb, "acme"))
    batch_delete, late = remains._batch_delete, iter([["COMMENT#1", "EVENT#0000000002#1", "WATCHER#1"]])

    def and_a_comment(keys: Any) -> None:
        batch_delete(keys)
        for place in next(late, []):
            world.put(TICKETS, {"PK": partition, "SK": place})

    remains._batch_delete = and_a_comment  # type: ignore[method-assign]
    assert remains.erase(partition) == 3
    assert not world.items(TICKETS)


def test_a_ticket_that_never_rests_fails_the_step(world: World) -> None:
    partition = world.ticket("acme", 9)
    remains = TicketRemains(data_of(world.dynamodb, "acme"))
    batch_delete = remains._batch_delete

    def and_a_change(keys: Any) -> None:
        batch_delete(keys)
        world.ticket("acme", 9, events=3)

    remains._batch_delete = and_a_change  # type: ignore[method-assign]
    with pytest.raises(VersionConflictError):
        remains.erase(partition)
    assert f"{partition} TICKET" in world.items(TICKETS)


def test_many_notifications_go_bit_by_bit(world: World, rest: tuple[Any, ...]) -> None:
    """More than a page in one partition; a webhook stays until its deliveries are gone, as it leads to them."""
    begin(world, "acme", fill(world, "acme"))
    for number in range(230):
        world.put(NOTIFICATIONS, {"PK": "TENANT#acme#WEBHOOK#old", "SK": f"DELIVERY#{number}"})
    pages = iter([True, True, False])
    assert not erase("acme", "notifications", lambda: next(pages))["done"]
    left = world.items(NOTIFICATIONS)
    assert "TENANT#acme#WEBHOOKS GONE#old" in left
    assert any(key.startswith("TENANT#acme#WEBHOOK#") for key in left)
    run()
    assert_erased(world, rest, {"tickets": 3, "events": 64, "users": 2, "apiKeys": 1})


@pytest.mark.parametrize("rounds", [2, 99])
def test_what_dynamodb_did_not_get_to_is_sent_again(world: World, monkeypatch: pytest.MonkeyPatch, rounds: int) -> None:
    partition = world.ticket("acme", 9, events=30)
    remains = TicketRemains(data_of(world.dynamodb, "acme"))
    batch_write, waits = world.dynamodb.batch_write_item, list[float]()

    def a_third(RequestItems: Any) -> Any:  # noqa: N803 - botocore's name
        if len(waits) >= rounds:
            return batch_write(RequestItems=RequestItems)
        requests = RequestItems[TICKETS]
        done = requests[: len(requests) // 3]
        if done:
            batch_write(RequestItems={TICKETS: done})
        return {"UnprocessedItems": {TICKETS: requests[len(done) :]}}

    monkeypatch.setattr(world.dynamodb, "batch_write_item", a_third)
    monkeypatch.setattr("ticketing.dynamodb.tables.time.sleep", waits.append)
    if rounds == 2:
        assert remains.erase(partition) == 30
        assert waits == [0.05, 0.1]
        assert not world.items(TICKETS)
    else:
        with pytest.raises(ThrottledError):
            remains.erase(partition)
        assert f"{partition} TICKET" in world.items(TICKETS), "it leads to its events"


@pytest.mark.usefixtures("world")
def test_an_unknown_step_is_an_error() -> None:
    with pytest.raises(KeyError):
        erase("acme", "nothing", ALWAYS)


def test_nothing_can_be_built_without_a_tenant(world: World) -> None:
    for kind in (TicketRemains, UserRemains, TenantRepository):
        with pytest.raises(ValueError, match="tenant's id"):
            kind(data_of(world.dynamodb, "acme#TICKET"))


def test_a_name_that_is_anothers_by_now_stays_theirs(world: World) -> None:
    """As when an erasure is cut off after it gave the name up, and taken up when somebody else has it."""
    begin(world, "acme", fill(world, "acme"))
    world.tenant("next", "The acme", "another")
    run()
    assert world.items(USERS)["NAME#the acme NAME"] == {"tenantId": "next"}
    assert world.items(USERS)[RECEIPT]["state"] == "DONE"
