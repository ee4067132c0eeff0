"""Everything is delivered twice, shuffled, with DynamoDB failing before or after it has done its part: once is once."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier, Lock
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, ReadTimeoutError
from mypy_boto3_dynamodb import DynamoDBClient

from tests.harness.size import sized
from tests.unit.support import MOMENT, NOTIFICATIONS_TABLE, data_of
from ticketing import clock
from ticketing.events.errors import BeingDoneError
from ticketing.events.once import KEPT, Once

LEASE = timedelta(seconds=30)
EVENTS = [f"event-{number}" for number in range(30)]

type Passes = Callable[[timedelta], None]


class ScriptedError(Exception):
    """The work failed, as it was told to."""


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Passes:
    """Let time pass."""
    now = [MOMENT]

    def read() -> datetime:
        return now[0]

    def go_on(time: timedelta) -> None:
        now[0] += time

    monkeypatch.setattr(clock, "now", read)
    return go_on


@pytest.fixture
def once(dynamodb: DynamoDBClient, passes: Passes) -> Once:
    assert passes is not None
    return Once(data_of(dynamodb, "acme"), "toy")


@pytest.fixture
def remembered(dynamodb: DynamoDBClient) -> Callable[[], list[dict[str, Any]]]:
    """Return a look at what is remembered."""
    return lambda: dynamodb.scan(TableName=NOTIFICATIONS_TABLE)["Items"]


@pytest.fixture
def faults(dynamodb: DynamoDBClient) -> Iterator[list[str]]:
    """A list of what happens to the next requests: `before` and `after` it is done, DynamoDB fails; `well`."""
    script: list[str] = []

    def before(**_kwargs: Any) -> None:
        if script and script[0] == "before":
            script.pop(0)
            raise ReadTimeoutError(endpoint_url="dynamodb")

    def after(**_kwargs: Any) -> None:
        if script and script.pop(0) == "after":
            raise ReadTimeoutError(endpoint_url="dynamodb")

    events = dynamodb.meta.events
    events.register("before-call.dynamodb", before)
    events.register("after-call.dynamodb", after)
    yield script
    events.unregister("before-call.dynamodb", before)
    events.unregister("after-call.dynamodb", after)


def deliver(once: Once, effects: Counter[str], event: str, lease: timedelta | None, *, fails: bool = False) -> bool:
    """Return whether a consumer is done with a delivery of an event, as opposed to wanting it again."""
    try:
        with once.doing(event, lease=lease) as mine:
            if mine and fails:
                raise ScriptedError
            if mine:
                effects[event] += 1
    except (BeingDoneError, ScriptedError, ReadTimeoutError):
        return False
    return True


def deliver_all(once: Once, lease: timedelta | None, faults: list[str], seed: int, passes: Passes) -> Counter[str]:
    """Deliver everything twice, shuffled, with faults by chance, and again what fails; return how often it was done."""
    chance, effects = random.Random(seed), Counter[str]()  # noqa: S311 - nothing is to be kept secret
    queue = EVENTS * 2
    while queue:
        chance.shuffle(queue)
        faults[:] = [chance.choice(["before", "after", "well", "well"]) for _ in range(10 * len(queue))]
        queue = [each for each in queue if not deliver(once, effects, each, lease, fails=chance.random() < 0.2)]
        passes(LEASE + timedelta(seconds=1))
    faults.clear()
    return effects


@pytest.mark.parametrize("lease", [None, LEASE])
def test_what_comes_twice_is_done_once(once: Once, lease: timedelta | None) -> None:
    effects = Counter[str]()
    assert [deliver(once, effects, "e", lease) for _ in range(3)] == [True, True, True]
    assert effects == {"e": 1}


@pytest.mark.parametrize("lease", [None, LEASE])
@pytest.mark.parametrize("seed", range(sized(3, short=1)))
def test_without_faults_of_dynamodb_all_is_done_exactly_once(
    once: Once, passes: Passes, lease: timedelta | None, seed: int
) -> None:
    chance, effects = random.Random(seed), Counter[str]()  # noqa: S311
    queue = EVENTS * 2
    while queue:
        chance.shuffle(queue)
        queue = [each for each in queue if not deliver(once, effects, each, lease, fails=chance.random() < 0.3)]
        passes(timedelta(seconds=1))
    assert effects == dict.fromkeys(EVENTS, 1)


@pytest.mark.parametrize("seed", range(sized(5, short=1)))
def test_without_a_lease_nothing_is_ever_done_twice(once: Once, faults: list[str], passes: Passes, seed: int) -> None:
    effects = deliver_all(once, None, faults, seed, passes)
    assert set(effects.values()) == {1}


@pytest.mark.parametrize("seed", range(sized(5, short=1)))
def test_with_a_lease_nothing_is_ever_left_out(once: Once, faults: list[str], passes: Passes, seed: int) -> None:
    """It may be done twice, when it can't be written down that it is done."""
    effects = deliver_all(once, LEASE, faults, seed, passes)
    assert effects.keys() == set(EVENTS)


@pytest.mark.parametrize("lease", [None, LEASE])
@pytest.mark.parametrize("fault", ["before", "after"])
def test_one_fault_on_the_way_changes_nothing(
    once: Once, faults: list[str], fault: str, lease: timedelta | None
) -> None:
    """Wherever it hits; the client of these tests makes one try, as faults are raised beyond its own three."""
    for place in range(4):
        effects, event = Counter[str](), f"event-{place}"
        faults[:] = ["well"] * place + [fault]
        deliveries = [deliver(once, effects, event, lease, fails=number == 0) for number in range(4)]
        assert (effects[event], deliveries[-1]) == (1, True), place


def test_a_claim_that_landed_without_an_answer_is_released(
    once: Once, faults: list[str], remembered: Callable[[], list[Any]]
) -> None:
    """Otherwise it would be done, without a lease, without anybody having done it."""
    faults[:] = ["after"]
    effects = Counter[str]()
    assert not deliver(once, effects, "e", None)
    assert remembered() == []
    assert deliver(once, effects, "e", None)
    assert effects == {"e": 1}


def test_a_claim_that_can_not_be_released_ends_with_its_lease(once: Once, faults: list[str], passes: Passes) -> None:
    effects = Counter[str]()
    faults[:] = ["well", "before", "before", "before"]
    assert not deliver(once, effects, "e", LEASE, fails=True)
    assert not deliver(once, effects, "e", LEASE)
    passes(LEASE + timedelta(milliseconds=1))
    assert deliver(once, effects, "e", LEASE)
    assert effects == {"e": 1}


def test_the_works_own_failure_is_what_the_caller_sees(once: Once, faults: list[str]) -> None:
    faults[:] = ["well", "before", "before", "before"]
    with pytest.raises(ScriptedError), once.doing("e"):
        raise ScriptedError


def test_who_takes_longer_than_the_lease_takes_nothing_back(once: Once, passes: Passes) -> None:
    effects = Counter[str]()
    with once.doing("e", lease=LEASE) as mine:
        assert mine
        passes(LEASE + timedelta(milliseconds=1))
        assert deliver(once, effects, "e", LEASE)
    assert deliver(once, effects, "e", LEASE)
    assert effects == {"e": 1}


def test_while_it_is_being_done_it_comes_again(once: Once) -> None:
    with (
        once.doing("e", lease=LEASE) as mine,
        pytest.raises(BeingDoneError),
        Once(data_of(once._client, "acme"), "toy").doing("e", lease=LEASE),
    ):
        assert mine


def test_parts_consumers_and_tenants_are_apart(once: Once, dynamodb: DynamoDBClient) -> None:
    others = [
        once,
        Once(data_of(dynamodb, "globex"), "toy"),
        Once(data_of(dynamodb, "acme"), "other"),
    ]
    done = []
    for each in others:
        for part in ("", "somebody", "somebody else"):
            with each.doing("e", part=part) as mine:
                done.append(mine)
    assert done == [True] * 9


@pytest.mark.parametrize("lease", [None, LEASE])
def test_of_callers_at_once_one_does_it(
    dynamodb: DynamoDBClient, lease: timedelta | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Barrier(8)
    # DynamoDB takes the conditional writes of an item in turn; moto checks and writes in two steps.
    in_turn, call = Lock(), BaseClient._make_api_call  # type: ignore[attr-defined]

    def locked(client: BaseClient, *arguments: Any) -> Any:
        with in_turn:
            return call(client, *arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", locked)

    def claim(_number: int) -> bool:
        start.wait()
        try:
            with Once(data_of(dynamodb, "acme"), "toy").doing("e", lease=lease) as mine:
                return mine
        except BeingDoneError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(8))) == 1


def test_it_is_remembered_for_longer_than_the_archive_keeps_events(
    once: Once, remembered: Callable[[], list[Any]]
) -> None:
    with once.doing("e"):
        pass
    (item,) = remembered()
    assert int(item["expiresAt"]["N"]) == int((MOMENT + KEPT).timestamp())
    assert timedelta(days=14) < KEPT


def test_nothing_is_done_while_dynamodb_refuses(once: Once, dynamodb: DynamoDBClient) -> None:
    def refuse(**_kwargs: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "PutItem")

    dynamodb.meta.events.register("before-call.dynamodb", refuse)
    with pytest.raises(ClientError), once.doing("e"):
        pytest.fail("it was begun")
