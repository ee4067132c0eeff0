"""The functions of indexing: what they are handed, what they order, log and count, and what has to come again."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from functions.search import index_tenant, note_for_search, reindex_tenants, sweep_indexes
from tests.unit.conftest import Clock
from tests.unit.events.support import event
from tests.unit.search.indexing.world import World, body_of
from tests.unit.support import SEARCH_BUCKET, SEARCH_TABLE, Context, put_item
from ticketing import clock
from ticketing.aws import clients
from ticketing.calendars.models import Calendar
from ticketing.dynamodb.attributes import to_item
from ticketing.index.errors import LostRaceError
from ticketing.search.business import calendar_of
from ticketing.search.embedded import Embedded
from ticketing.search.remains import QUIET_AFTER, indexes
from ticketing.tickets.events import TicketEvent

type Log = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def own_folders(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the functions keep their folders where the test does."""
    monkeypatch.setattr(index_tenant, "index_of_tenant", lambda _: world.index())


def told(name: str, of: TicketEvent) -> dict[str, Any]:
    """Return a message as the rule of the bus puts it into the queue."""
    body = json.dumps({"detail": of.model_dump(mode="json", by_alias=True)})
    return {"messageId": name, "body": body, "attributes": {"MessageGroupId": of.tenant_id}}


def metrics(capsys: pytest.CaptureFixture[str]) -> dict[str, list[float]]:
    """Return the values of the metrics that were written."""
    found: dict[str, list[float]] = {}
    for entry in (json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line):
        (directive,) = entry["_aws"]["CloudWatchMetrics"]
        assert {each for dimensions in directive["Dimensions"] for each in dimensions} <= {
            *("service", "consumer", "job", "outcome"),
        }, "no dimension is a tenant: each costs money"
        for each in directive["Metrics"]:
            found.setdefault(each["Name"], []).extend(entry[each["Name"]])
    return found


def test_the_changes_of_a_batch_are_one_order_for_each_tenant(world: World, log: Log) -> None:
    first, second = "2026-02-02T08:15:01.000Z", "2026-02-02T08:15:02.000Z"
    events = [
        event().model_copy(update={"tenant_id": tenant, "ticket_id": ticket, "occurred_at": moment})
        for tenant, ticket, moment in (
            ("acme", "t1", second),
            ("acme", "t2", second),
            ("acme", "t1", first),
            ("globex", "t3", second),
        )
    ]
    batch = [told(f"m{place}", each) for place, each in enumerate(events)]
    assert note_for_search.handler({"Records": batch}, Context()) == {"batchItemFailures": []}
    assert [(sent.group, body_of(sent)) for sent in world.queue.orders] == [
        ("acme", {"tenant_id": "acme", "ticket_ids": ["t1", "t2"], "since": first}),
        ("globex", {"tenant_id": "globex", "ticket_ids": ["t3"], "since": second}),
    ]
    assert [(line["tenantId"], line["records"], line["tickets"]) for line in log()] == [
        ("acme", 3, 2),
        ("globex", 1, 1),
    ]


def test_a_pass_says_how_late_it_is_and_what_it_did(world: World, log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    world.change(1)
    world.tell(1)
    index_tenant.handler({"Records": [world.queue.orders.popleft().record]}, Context())
    world.work()
    world.time.forward(seconds=1.5)
    world.change(2)
    world.tell(2)
    world.time.forward(seconds=2)
    world.tell(1)
    capsys.readouterr()
    records = [sent.record for sent in world.queue.orders]
    assert index_tenant.handler({"Records": records}, Context()) == {"batchItemFailures": []}
    line = log()[-1]
    assert (line["tenantId"], line["written"], line["gone"], line["outcome"]) == ("acme", 2, 0, "done")
    found = metrics(capsys)
    assert found["IndexLag"] == [2000]
    assert found["IndexDocuments"] == [2]
    assert found["IndexRacesLost"] == [0]
    assert found["IndexBuilds"] == [0]
    assert found["IndexFetches"] == [1], "a process of its own has fetched it"


DEFAULT = {
    "id": "1",
    "name": "Desk",
    "timeZone": "UTC",
    "hours": {"monday": [{"from": "09:00", "to": "17:00"}]},
    "holidays": [],
    "default": True,
    "version": 1,
    "createdAt": "2026-01-01T00:00:00.000Z",
    "updatedAt": "2026-01-01T00:00:00.000Z",
}


@pytest.mark.parametrize(
    ("calendars", "used"),
    [([DEFAULT], Calendar.model_validate(DEFAULT)), ([DEFAULT | {"default": False}], None), ("?", None)],
)
def test_facts_are_of_the_default_calendar(world: World, calendars: Any, used: Calendar | None) -> None:
    """Without one, and where it can't be read, of every moment: tickets are found nevertheless."""
    keys = {"PK": "TENANT#acme#CALENDARS", "SK": "CALENDARS"}
    put_item(SEARCH_TABLE, to_item(keys | {"version": 1, "calendars": calendars}))
    world.change(1)
    world.tell(1)
    while world.queue.orders:
        answer = index_tenant.handler({"Records": [world.queue.orders.popleft().record]}, Context())
        assert answer == {"batchItemFailures": []}
    assert world.index().current(calendar_of("UTC", used).version)


def test_a_pass_that_lost_every_race_comes_again_with_all_that_is_behind_it(
    world: World, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_: object) -> None:
        raise LostRaceError

    monkeypatch.setattr(Embedded, "write", lose)
    world.tell(1)
    world.tell(2)
    records = [sent.record for sent in world.queue.orders]
    answer = index_tenant.handler({"Records": records}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": each["messageId"]} for each in records]}
    assert [(line["outcome"], line["cause"]) for line in log()] == [("retry", "LostRaceError")]


@pytest.mark.parametrize("text", ["", "[]", '{"tenant_id": "acme", "other": 1}', "{}"])
def test_what_is_no_order_is_put_aside(world: World, log: Log, text: str) -> None:
    record = {"messageId": "a", "body": text, "attributes": {"MessageGroupId": "acme"}}
    assert index_tenant.handler({"Records": [record]}, Context()) == {"batchItemFailures": [{"itemIdentifier": "a"}]}
    assert [line["outcome"] for line in log()] == ["poison"]
    assert not world.queue.orders


def test_one_tenant_or_all_get_a_new_index(world: World, monkeypatch: pytest.MonkeyPatch, time: Clock) -> None:
    class Plan:
        @staticmethod
        def tenants() -> frozenset[str]:
            return frozenset({"globex", "acme"})

    monkeypatch.setattr(reindex_tenants, "usage_plan", Plan)
    assert reindex_tenants.handler({"tenantId": "acme"}, Context()) == {"tenants": 1}
    time.forward(seconds=1)
    assert reindex_tenants.handler({}, Context()) == {"tenants": 2}
    orders = [body_of(sent) for sent in world.queue.orders]
    assert [each["tenant_id"] for each in orders] == ["acme", "acme", "globex"]
    assert all(each["rebuild"].startswith("asked 2026-") for each in orders)
    assert orders[0]["rebuild"] != orders[1]["rebuild"]


def test_the_sweep_orders_compactions_of_what_has_changed(
    world: World, log: Log, capsys: pytest.CaptureFixture[str], moto_bucket: Any
) -> None:
    for tenant_id, size in (("acme", 10), ("acme", 5), ("acme-2", 7), ("quiet", 1), ("no tenant", 1)):
        clients.s3().put_object(Bucket=SEARCH_BUCKET, Key=f"{tenant_id}/{uuid4()}", Body=b"x" * size)
    for name in moto_bucket.keys:
        (key,) = moto_bucket.keys.getlist(name)
        late = timedelta(seconds=-2) if name.startswith("quiet") else timedelta(hours=2)
        key.last_modified = (clock.now() - QUIET_AFTER + late).replace(tzinfo=None)
    sweep_indexes.handler({}, Context())
    assert {sent.group for sent in world.queue.orders} == {"acme", "acme-2"}
    assert all(body_of(sent).keys() == {"tenant_id", "compact"} for sent in world.queue.orders)
    (line,) = log()
    assert (line["tenants"], line["changed"]) == (3, 2)
    assert line["largest"] == {"acme": 15, "acme-2": 7, "quiet": 1}
    found = metrics(capsys)
    assert (found["IndexBytes"], found["IndexPacks"]) == ([23], [4])
    world.time.forward(hours=1)
    sweep_indexes.handler({}, Context())
    assert len(world.queue.orders) == 4, "the next hour's are others"


def test_indexes_are_found_by_their_packs_page_by_page(world: World) -> None:  # noqa: ARG001 - the bucket is empty
    for tenant_id in ("a", "a-b", "ab"):
        for _ in range(3):
            clients.s3().put_object(Bucket=SEARCH_BUCKET, Key=f"{tenant_id}/{uuid4()}", Body=b"x")
    assert {each.tenant_id: each.packs for each in indexes(clients.s3(), SEARCH_BUCKET)} == {"a": 3, "a-b": 3, "ab": 3}
