"""Passes over an index: whatever is ordered, twice, late or never, the index ends as the table is."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.search.indexing.world import World, body_of, ticket_id
from tests.unit.support import SEARCH_BUCKET, TABLE, a_ticket, as_item, moto_tables, put_item
from ticketing import clock
from ticketing.aws import clients
from ticketing.aws.data import of_tenant
from ticketing.dynamodb.attributes import to_item
from ticketing.search import embedded, indexing, schema
from ticketing.search.index_queue import Order, rebuild
from ticketing.search.indexing import ASKED, CALENDAR, DIRTY_FOR, position
from ticketing.search.port import IndexDamagedError
from ticketing.search.repository import SearchedTickets


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "PAGE", 3)


def built(world: World, *numbers: int) -> None:
    """Build an index of these tickets."""
    for number in numbers:
        world.change(number)
    rebuild("acme", "missing")
    world.work()
    world.queue.forget()
    assert world.is_right()


def packs() -> list[str]:
    return [each["Key"] for each in clients.s3().list_objects_v2(Bucket=SEARCH_BUCKET).get("Contents", [])]


# --- changes ----------------------------------------------------------------------------------------------------------


def test_a_change_is_found_and_nothing_else_is_touched(world: World) -> None:
    built(world, 1, 2, 3)
    world.change(2)
    world.change(9)
    world.change(9, note=True)
    world.trash(3)
    world.tell(2, 3, 9)
    (done,) = world.work()
    assert (done.written, done.gone, done.lost_races, done.begun) == (2, 1, 0, None)
    assert world.is_right()


def test_orders_of_one_batch_are_one_write(world: World) -> None:
    built(world, 1, 2)
    before = world.index()._store.pointer().n
    for number in (1, 2, 3):
        world.change(number)
        world.tell(number)
    orders = [sent.order for sent in world.queue.orders]
    assert world.follow(orders).written == 3
    assert world.index()._store.pointer().n == before + 1
    world.queue.orders.clear()
    assert world.is_right()


def test_late_orders_and_repeated_ones_bring_nothing_old_back(world: World) -> None:
    built(world, 1)
    world.tell(1)
    late = world.queue.orders[0].order
    world.change(1)
    world.tell(1)
    world.work()
    world.trash(1)
    world.tell(1)
    world.work()
    world.follow([late])
    assert world.is_right()
    assert world.found() == set()


def test_of_a_very_large_ticket_the_latest_is_read(world: World) -> None:
    """A ticket can have any number of comments, and each of its changes would read them all."""
    built(world, 1, 2)
    world.change(1)
    key = {"PK": f"TENANT#acme#TICKET#{ticket_id(1)}"}
    for number in range(100, 150):
        comment = {"id": "c", "tenantId": "acme", "ticketId": ticket_id(1), "authorId": "a", "visibility": "public"}
        times = {"createdAt": "2026-02-02T08:15:04.120Z", "updatedAt": "2026-02-02T08:15:04.120Z"}
        body = {"body": "x" * 100_000}
        put_item(TABLE, to_item(key | {"SK": f"COMMENT#{number}"} | comment | times | body))
    tickets = SearchedTickets(of_tenant("acme"))
    ((_, items),) = tickets.collections([ticket_id(1)])
    keys = [item["SK"]["S"] for item in items]
    assert keys == sorted(keys)
    assert "TICKET" in keys
    comments = [each for each in keys if each.startswith("COMMENT#")]
    assert comments[-1] == "COMMENT#149"
    assert 5 < len(comments) < 40
    world.tell(1)
    world.work()
    assert world.found() == {1, 2}
    assert next(each for _, each in tickets.collections([ticket_id(1), ticket_id(2)])) == items


# --- building ---------------------------------------------------------------------------------------------------------


def test_the_first_change_of_a_tenant_builds_its_index_page_by_page(world: World) -> None:
    for number in range(10):
        world.change(number)
    world.tell(9)
    done = world.work()
    assert done[0].begun == "missing"
    assert [each.finished for each in done].count(True) == 1
    # Four pages, of which the last is short, and once more what changed since a minute before it began.
    assert sum(each.written for each in done) >= 10
    assert world.is_right()


def test_while_it_is_built_the_newest_tickets_are_found(world: World) -> None:
    for number in range(10):
        world.change(number)
    rebuild("acme", "missing")
    for _ in range(2):
        world.follow([world.queue.orders.popleft().order])
    assert world.found() == {9, 8, 7}
    assert not world.index().current()


def test_what_changes_while_an_index_is_built_gets_into_it(world: World) -> None:
    for number in range(8):
        world.change(number)
    rebuild("acme", "missing")
    steps = 0
    while world.queue.orders:
        world.follow([world.queue.orders.popleft().order])
        steps += 1
        if steps < 8:
            world.change(steps)  # one that was walked past, or will not be met where it was
            world.change((steps + 3) % 8, note=True)
            world.trash((steps * 5) % 8)
            world.change(20 + steps)
            if steps % 2:
                world.tell(steps, (steps + 3) % 8, (steps * 5) % 8)
            else:  # the order of these is late
                world.tell((steps + 3) % 8, (steps * 5) % 8)
    assert world.is_right()


def test_an_order_to_go_on_may_come_twice_late_or_never(world: World) -> None:
    for number in range(7):
        world.change(number)
    rebuild("acme", "missing")
    old = []
    for _ in range(3):
        sent = world.queue.orders.popleft()
        old.append(sent.order)
        world.follow([sent.order])
        world.follow([sent.order])
    world.queue.orders.clear()  # the one to go on is lost
    world.queue.forget()
    for order in old:
        world.follow([order])
    assert len({sent.body for sent in world.queue.orders}) == 1
    world.work()
    assert world.is_right()
    for order in old:
        world.follow([order])
    assert not world.queue.orders, "a build that is over is not begun again"


@pytest.mark.long
def test_a_change_finds_out_that_the_order_to_go_on_is_lost(world: World) -> None:
    for number in range(4):
        world.change(number)
    rebuild("acme", "missing")
    world.follow([world.queue.orders.popleft().order])
    world.queue.orders.clear()
    world.queue.forget()
    world.change(1)
    world.tell(1)
    world.work()
    assert world.is_right()


def test_a_pass_that_dies_between_the_last_page_and_the_end_is_made_up_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.change(1)
    rebuild("acme", "missing")
    world.follow([world.queue.orders.popleft().order])
    world.follow([world.queue.orders.popleft().order])
    with monkeypatch.context() as patch:
        patch.setattr(embedded.Embedded, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            world.follow([world.queue.orders[0].order])
    world.work()
    assert world.is_right()


@pytest.mark.parametrize("reason", ["missing", f"{ASKED} once"])
def test_a_rebuild_that_is_ordered_again_is_not_begun_again(world: World, reason: str) -> None:
    for number in range(7):
        world.change(number)
    rebuild("acme", reason)
    order = world.queue.orders[0].order
    world.follow([order])
    world.queue.orders.popleft()
    world.follow([world.queue.orders.popleft().order])
    build = world.index().build()
    assert world.follow([order]).begun is None
    assert world.index().build() == build


@pytest.mark.long
def test_whoever_asks_for_a_new_index_gets_one_while_the_old_one_is_served(world: World) -> None:
    built(world, 1, 2, 3, 4)
    rebuild("acme", "missing")
    assert world.work()[0].begun is None, "it is not missing"
    for reason in (f"{ASKED} once", f"{ASKED} twice"):
        rebuild("acme", reason)
        begun = world.follow([world.queue.orders.pop().order])
        assert begun.begun == reason
        assert world.found() == {1, 2, 3, 4}
    world.work()
    assert world.is_right()


@pytest.mark.long
def test_a_new_format_is_built_beside_the_old_one_at_the_next_change(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(world, 1, 2, 3, 4)
    monkeypatch.setattr(embedded, "FORMAT", schema.FORMAT + 1)
    monkeypatch.setattr(embedded, "READABLE", {schema.FORMAT, schema.FORMAT + 1})
    world.change(1)
    world.tell(1)
    assert world.work()[0].begun == "missing"
    assert world.is_right()


@pytest.mark.parametrize("state", ["DELETING", None])
def test_no_index_is_begun_for_a_tenant_that_goes(world: World, state: str | None) -> None:
    from functions.search.index_tenant import handler  # noqa: PLC0415 - it imports the engine
    from tests.unit.support import USERS_TABLE, Context  # noqa: PLC0415

    if state is None:
        moto_tables().tables[USERS_TABLE].items.clear()
    else:
        world.tenant(state)
    world.change(1)
    world.tell(1)
    rebuild("acme", f"{ASKED} once")
    assert handler({"Records": [sent.record for sent in world.queue.orders]}, Context()) == {"batchItemFailures": []}
    assert world.is_missing()
    assert packs() == []


# --- damage -----------------------------------------------------------------------------------------------------------


def test_a_damaged_index_is_built_again_and_no_change_is_lost(world: World, moto_bucket: Any) -> None:
    built(world, 1, 2, 3, 4, 5)
    moto_bucket.keys.clear()
    with pytest.raises(IndexDamagedError):
        world.found()
    world.change(1)
    world.tell(1)
    first = world.follow([world.queue.orders.popleft().order])
    assert first.begun == "damaged"
    world.change(5, note=True)  # in no list is it newer for that
    world.tell(5)
    world.work()
    assert world.is_right()


def test_a_build_that_is_damaged_is_begun_again(world: World, moto_bucket: Any) -> None:
    for number in range(7):
        world.change(number)
    rebuild("acme", "missing")
    for _ in range(3):
        world.follow([world.queue.orders.popleft().order])
    moto_bucket.keys.clear()
    done = world.work()
    assert [each.begun for each in done if each.begun] == ["damaged"]
    assert world.is_right()


@pytest.mark.long
def test_beside_a_damaged_build_changes_are_found_at_once(world: World, moto_bucket: Any) -> None:
    built(world, *range(7))
    kept = set(moto_bucket.keys)
    rebuild("acme", f"{ASKED} once")
    for _ in range(2):
        world.follow([world.queue.orders.popleft().order])
    for key in set(moto_bucket.keys) - kept:
        del moto_bucket.keys[key]
    world.change(9)
    world.tell(9)
    assert world.follow([world.queue.orders.pop().order]).begun == "damaged"
    assert 9 in world.found()
    world.work()
    assert world.is_right()


@pytest.mark.parametrize("damage", [{"listKey": "x"}, {"createdAt": "then"}, {"number": -1}])
def test_a_damaged_ticket_holds_up_no_build(world: World, damage: dict[str, Any]) -> None:
    now = clock.timestamp(clock.now())
    keys = {"tenantKey": "TENANT#acme#TICKETS", "listKey": f"{now}#{ticket_id(50)}"}
    put_item(TABLE, as_item(a_ticket(id=ticket_id(50), number=51, updated_at=now), **keys) | to_item(damage))
    built(world, 1, 2, 3)
    Order("acme", (ticket_id(50), "x")).send()
    world.work()
    assert world.found() >= {1, 2, 3}


def test_a_pointer_that_is_gone_is_built_anew(world: World) -> None:
    from tests.unit.support import SEARCH_TABLE  # noqa: PLC0415

    built(world, 1, 2)
    moto_tables().tables[SEARCH_TABLE].items.clear()
    world.change(1)
    world.tell(1)
    world.work()
    assert world.is_right()


# --- compacting -------------------------------------------------------------------------------------------------------


def test_what_was_deleted_leaves_all_packs_and_the_rest_stays(world: World, moto_bucket: Any) -> None:
    """A segment with a deleted ticket has its words; so none has one, and there is no pack but those in use."""
    built(world, *range(7))
    world.trash(3)
    world.tell(3)
    world.work()
    assert dirty(world)
    for _ in range(30):
        world.time.forward(hours=1)
        world.queue.forget()
        Order("acme", compact=clock.timestamp(clock.now())).send()
        world.work()
        for key in moto_bucket.keys.values():  # moto has a time of its own
            key.last_modified = min(key.last_modified, clock.now().replace(tzinfo=None))
    assert not dirty(world)
    store = world.index()._store
    (ref,) = store.pointer().refs
    assert {key.removeprefix("acme/") for key in packs()} == {ref.pack} | store.map(ref).packs
    assert world.is_right()


def dirty(world: World) -> list[str]:
    """Return the segments with deleted tickets."""
    store = world.index()._store
    return [segment.id for ref in store.pointer().refs for segment in store.map(ref).segments if segment.deleted]


def test_a_compaction_goes_on_with_what_a_build_has_left(world: World) -> None:
    for number in range(4):
        world.change(number)
    rebuild("acme", "missing")
    world.follow([world.queue.orders.popleft().order])
    world.queue.orders.clear()
    world.queue.forget()
    Order("acme", compact="x").send()
    world.work()
    assert world.is_right()


@pytest.mark.long
def test_a_compaction_goes_on_with_a_build_beside_a_complete_index(world: World) -> None:
    built(world, *range(7))
    rebuild("acme", f"{ASKED} once")
    world.follow([world.queue.orders.popleft().order])
    world.queue.orders.clear()  # its next step has become a dead letter
    world.queue.forget()
    Order("acme", compact="x").send()
    assert [each.finished for each in world.work()].count(True) == 1
    assert world.index().build() is None
    assert world.is_right()


def test_a_compaction_of_a_tenant_that_is_gone_leaves_nothing(world: World) -> None:
    built(world, 1, 2)
    world.follow([Order("acme", compact="x")], exists=lambda: False)
    assert packs() == []
    assert world.is_missing()


def test_text_is_gone_within_a_day() -> None:
    """Twelve hours, until the next sweep; a pack that was dropped goes with the third sweep after it, late by a bit."""
    assert DIRTY_FOR + timedelta(hours=1) + timedelta(hours=4) < timedelta(hours=24)


# --- messages ---------------------------------------------------------------------------------------------------------


def test_a_message_names_a_hundred_tickets_at_most_and_is_sent_once_a_change(world: World) -> None:
    moments = {ticket_id(number): f"2026-02-02T08:15:{number % 60:02}.000Z" for number in range(250)}
    for _ in range(2):
        for order in Order.of_changes("acme", moments):
            order.send()
    assert [len(body_of(sent)["ticket_ids"]) for sent in world.queue.orders] == [100, 100, 50] * 2
    assert world.queue.orders[0].order.since == "2026-02-02T08:15:00.000Z"
    assert {sent.group for sent in world.queue.orders} == {"acme"}


def test_the_same_rebuild_is_sent_once_in_five_minutes(world: World) -> None:
    for reason in ("missing", "missing", "damaged"):
        rebuild("acme", reason)
    assert [body_of(sent)["rebuild"] for sent in world.queue.orders] == ["missing", "damaged"]
    assert all(len(sent.repeated) <= 128 for sent in world.queue.orders), "SQS takes no more"


@pytest.mark.long
def test_each_step_of_a_build_has_another_position(world: World) -> None:
    for number in range(7):
        world.change(number)
    rebuild("acme", "missing")
    seen = set()
    while world.queue.orders:
        world.follow([world.queue.orders.popleft().order])
        if build := world.index().build():
            seen.add(position(build))
    assert len(seen) >= 4


# --- calendars --------------------------------------------------------------------------------------------------------

BERLIN = "Europe/Berlin"


def calendar_of(world: World) -> str | None:
    return world.index().snapshot().calendar


def test_another_calendar_has_all_facts_computed_again_and_says_so_until_then(world: World) -> None:
    built(world, *range(8))
    world.zone = BERLIN
    now = world.calendar().version
    rebuild("acme", f"{CALENDAR} {now}")
    while world.queue.orders:
        assert calendar_of(world) == "always UTC"
        world.follow([world.queue.orders.popleft().order])
    assert calendar_of(world) == now
    assert world.is_right()
    rebuild("acme", f"{CALENDAR} {now} again")
    assert [each.begun for each in world.work()] == [None]


def test_why_facts_are_computed_again_is_logged(world: World) -> None:
    built(world, 1)
    world.zone = BERLIN
    rebuild("acme", f"{CALENDAR} {BERLIN}")
    assert world.work()[0].begun == CALENDAR


def test_a_calendar_that_changes_while_facts_are_computed_has_them_computed_once_more(world: World) -> None:
    built(world, *range(8))
    world.zone = BERLIN
    rebuild("acme", f"{CALENDAR} {BERLIN}")
    for _ in range(3):
        world.follow([world.queue.orders.popleft().order])
    world.zone = "Asia/Tokyo"
    done = []
    while world.queue.orders:
        done.append(world.follow([world.queue.orders.popleft().order]))
        world.queue.forget()  # time stands still, so both builds have the same orders
    assert [each.finished for each in done].count(True) == 2
    assert calendar_of(world) == world.calendar().version
    assert world.is_right()


@pytest.mark.parametrize("notice", ["a change", "the hour"])
def test_facts_of_another_calendar_are_noticed_where_no_order_came(world: World, notice: str) -> None:
    built(world, 1, 2, 3)
    world.zone = BERLIN
    if notice == "a change":
        world.change(2)
        world.tell(2)
        world.follow([world.queue.orders.popleft().order])
        assert calendar_of(world) == ""
    else:
        Order("acme", compact="now").send()
    world.work()
    assert calendar_of(world) == world.calendar().version
    assert world.is_right()
