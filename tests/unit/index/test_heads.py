"""The pointer: replaced by who has read it, and by nobody twice."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.unit.index.support import INDEX_TABLE, Aws, Calls, Client, Fault
from tests.unit.support import MOMENT, NOTIFICATIONS_TABLE, TABLE, USERS_TABLE
from ticketing.aws.data import TenantData
from ticketing.deployment import Tables
from ticketing.errors import DamagedItemError
from ticketing.ids import new_id
from ticketing.index.errors import LostRaceError
from ticketing.index.heads import Heads, Pointer, Ref, Slot, Swept


def ref() -> Ref:
    return Ref(new_id(), "0" * 64)


def heads_of(aws: Aws, calls: Calls | None = None, tenant_id: str = "acme") -> Heads:
    client: Any = Client(aws.dynamodb, calls or Calls())
    return Heads(TenantData(client, Tables(TABLE, USERS_TABLE, NOTIFICATIONS_TABLE, INDEX_TABLE), tenant_id))


@pytest.fixture
def heads(aws: Aws) -> Heads:
    return heads_of(aws)


def test_at_first_there_is_none(heads: Heads) -> None:
    assert heads.read(consistent=True) == Pointer(0, None, None)
    assert Pointer().refs == ()


def test_what_was_written_is_read(heads: Heads) -> None:
    serving = Slot(3, ref(), "2026-02-02T08:15:04.120Z", complete=True)
    building = Slot(4, None, None, began="2026-02-02T08:00:00.000Z", walk={"next": "abc", "pages": 7, "again": True})
    written = heads.replace(Pointer(), serving, building)
    assert written == Pointer(1, serving, building)
    assert heads.read(consistent=True) == heads.read(consistent=False) == written
    assert written.refs == (serving.ref,)
    after = heads.replace(written, building, None)
    assert heads.read(consistent=True) == after == Pointer(2, building, None)


def test_a_tenants_pointer_is_not_anothers(heads: Heads, aws: Aws) -> None:
    heads.replace(Pointer(), Slot(1), None)
    assert heads_of(aws, tenant_id="globex").read(consistent=True) == Pointer()


def test_only_who_has_read_the_latest_replaces_it(heads: Heads) -> None:
    first = heads.replace(Pointer(), Slot(1, ref()), None)
    second = heads.replace(first, Slot(1, ref()), None)
    for stale in (Pointer(), first, Pointer(9)):
        with pytest.raises(LostRaceError):
            heads.replace(stale, Slot(1, ref()), None)
    assert heads.read(consistent=True) == second


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.REPEATED])
@pytest.mark.parametrize("first", [True, False])
def test_a_write_whose_answer_was_lost_counts(fault: Fault, aws: Aws, *, first: bool) -> None:
    before = Pointer() if first else heads_of(aws).replace(Pointer(), Slot(1, ref()), None)
    calls = Calls(lambda name: fault if name == "put_item" else Fault.NONE)
    written = heads_of(aws, calls).replace(before, Slot(1, ref()), None)
    assert written.n == before.n + 1
    assert heads_of(aws).read(consistent=True) == written
    assert calls.made == ["put_item", "get_item"]


def test_a_write_that_did_not_land_is_a_failure_that_passes(aws: Aws) -> None:
    calls = Calls(lambda name: Fault.REFUSED if name == "put_item" else Fault.NONE)
    with pytest.raises(EndpointConnectionError):
        heads_of(aws, calls).replace(Pointer(), Slot(1, ref()), None)
    assert heads_of(aws).read(consistent=True) == Pointer()


def test_a_write_that_did_not_land_before_anothers_is_a_lost_race(aws: Aws) -> None:
    other = Slot(1, ref())

    def decide(name: str) -> Fault:
        if name == "put_item":
            heads_of(aws).replace(Pointer(), other, None)
            return Fault.REFUSED
        return Fault.NONE

    with pytest.raises(LostRaceError):
        heads_of(aws, Calls(decide)).replace(Pointer(), Slot(1, ref()), None)
    assert heads_of(aws).read(consistent=True) == Pointer(1, other, None)


def test_a_write_that_nobody_can_settle_is_a_failure_that_passes(aws: Aws) -> None:
    calls = Calls(lambda name: Fault.LOST if name == "put_item" else Fault.REFUSED)
    with pytest.raises(EndpointConnectionError):
        heads_of(aws, calls).replace(Pointer(), Slot(1, ref()), None)


def test_a_refusal_is_nothing_to_settle(aws: Aws) -> None:
    def decide(_name: str) -> Fault:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "PutItem")

    calls = Calls(decide)
    with pytest.raises(ClientError):
        heads_of(aws, calls).replace(Pointer(), Slot(1, ref()), None)
    assert calls.made == ["put_item"]


def test_what_a_sweep_has_seen_is_kept_beside_it(heads: Heads) -> None:
    assert heads.swept() is None
    seen = Swept(MOMENT + timedelta(milliseconds=5), frozenset({"a", "b"}), clean=True)
    heads.put_swept(seen)
    assert heads.swept() == seen
    assert heads.read(consistent=True) == Pointer()


def test_both_are_deleted(heads: Heads, aws: Aws) -> None:
    heads.replace(Pointer(), Slot(1), None)
    heads.put_swept(Swept(MOMENT, frozenset(), clean=True))
    heads.delete()
    heads.delete()
    assert aws.dynamodb.scan(TableName=INDEX_TABLE)["Items"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("head", {"S": "../../globex"}),
        ("format", {"S": "new"}),
        ("complete", {"S": "yes"}),
        ("n", {"S": "many"}),
    ],
)
def test_a_pointer_that_cannot_be_read_is_a_damaged_item(heads: Heads, aws: Aws, name: str, value: Any) -> None:
    heads.replace(Pointer(), Slot(1, ref()), None)
    item = aws.dynamodb.scan(TableName=INDEX_TABLE)["Items"][0]
    (item if name == "n" else item["serving"]["M"])[name] = value
    aws.dynamodb.put_item(TableName=INDEX_TABLE, Item=item)
    with pytest.raises(DamagedItemError):
        heads.read(consistent=True)


@pytest.mark.parametrize(
    ("pack", "digest"),
    [("", "0" * 64), ("../x", "0" * 64), (new_id() + "/", "0" * 64), (new_id(), "0" * 63), (new_id(), "G" * 64)],
)
def test_a_name_that_is_none_is_refused(pack: str, digest: str) -> None:
    with pytest.raises(ValueError, match="a state of an index"):
        Ref(pack, digest)
