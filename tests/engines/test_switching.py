"""The change from one engine to the other and back, as docs/opensearch.md says: nothing is missing at any time."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engines.support import ALL, EVERYTHING
from tests.unit.conftest import Clock
from tests.unit.search.indexing.world import World, ticket_id
from tests.unit.support import ADMIN, data_of
from ticketing.aws import clients
from ticketing.aws.data import cluster
from ticketing.errors import ServiceUnavailableError
from ticketing.index.folders import Folders
from ticketing.search import engines, indexing
from ticketing.search.embedded import Embedded
from ticketing.search.index_queue import Order, rebuild
from ticketing.search.indexing import ASKED, TendedIndex
from ticketing.search.opensearch import OpenSearch
from ticketing.search.opensearch_requests import Requests
from ticketing.search.port import Find, SortKey

TENANT = "acme"

type Deploy = Callable[[str, str], None]
"""Deploys with the parameters `SearchEndpoint` and `SearchStandby`."""


@dataclass
class Switching(World):
    """A tenant whose index is of the engines that are deployed."""

    asked: int = 0

    def index(self) -> TendedIndex:  # type: ignore[override]
        return engines.index_of_tenant(TENANT)

    def reindex(self) -> None:
        """Order a new index, as reindexTenants does."""
        self.asked += 1
        rebuild(TENANT, f"{ASKED} {self.asked}")

    def stir(self) -> None:
        """Change tickets, and have it written: what is ordered last is followed first."""
        self.changes += 1
        numbers = (self.changes % 7, self.changes % 5, 10 + self.changes)
        self.change(numbers[0])
        self.change(numbers[1], note=True)
        self.change(numbers[2])
        self.trash(self.changes % 3)
        self.tell(*numbers, self.changes % 3)
        self.follow([self.queue.orders.pop().order])

    def finds_all(self) -> bool:
        """Return whether whoever searches finds every ticket as it is: they are in the order of their latest changes.

        A change makes a ticket the last of them, so one that is found as it was before is in another place.
        """
        found = engines.index_of_caller(ADMIN).find(_EVERYTHING)
        in_order = sorted(self.titles, key=lambda number: int(self.titles[number].removeprefix("change")))
        latest = in_order[-1]
        assert self.found(self.titles[latest]) == {latest}
        return list(found.ids) == [ticket_id(number) for number in in_order] and found.total == len(self.titles)


_EVERYTHING = Find(EVERYTHING, ALL, SortKey.UPDATED, descending=False, limit=100)


@pytest.fixture
def deploy(monkeypatch: pytest.MonkeyPatch) -> Deploy:
    def deployed(search_endpoint: str, search_standby: str) -> None:
        monkeypatch.setenv("SEARCH_ENDPOINT", search_endpoint)
        monkeypatch.setenv("SEARCH_STANDBY", search_standby)

    return deployed


@pytest.fixture
def world(  # noqa: PLR0917
    dynamodb: Any,  # noqa: ARG001 - the tables
    moto_bucket: Any,
    tmp_path: Path,
    time: Clock,
    deploy: Deploy,
    monkeypatch: pytest.MonkeyPatch,
) -> Switching:
    moto_bucket.keys.clear()
    deploy("", "")
    folders = Folders(tmp_path / "folders", 2**30)
    world = Switching(tmp_path, time)
    monkeypatch.setattr(engines, "folders_of_process", lambda: folders)
    monkeypatch.setattr(indexing, "PAGE", 3)
    monkeypatch.setattr(clients, "sqs", lambda: world.queue)
    monkeypatch.setenv("SEARCH_INDEXING", "orders")
    world.tenant()
    for number in range(10):
        world.change(number)
    rebuild(TENANT, "missing")
    world.work()
    assert world.finds_all()
    return world


def work_on(world: Switching) -> None:
    """Have the engines built, while tickets change and people search."""
    world.reindex()
    steps = 0
    while world.queue.orders:
        world.follow([world.queue.orders.popleft().order])
        steps += 1
        assert steps < 100
        assert world.finds_all()
        if steps < 8:
            world.stir()
        assert world.finds_all()


def test_there_and_back_again(world: Switching, deploy: Deploy, endpoint: str) -> None:
    deploy(endpoint, "opensearch")
    assert world.finds_all()
    work_on(world)
    assert world.index().current()
    deploy(endpoint, "embedded")
    world.stir()
    assert world.finds_all()
    deploy(endpoint, "")
    for _ in range(3):
        world.stir()
        assert world.finds_all()
    # The embedded index knows nothing of that. Back:
    deploy(endpoint, "embedded")
    assert world.finds_all()
    work_on(world)
    deploy(endpoint, "opensearch")
    world.stir()
    assert world.finds_all()
    deploy("", "")
    world.stir()
    assert world.is_right()
    deploy(endpoint, "")
    world.index().erase(lambda: True)


@pytest.mark.long
def test_back_at_once_if_something_is_wrong(world: Switching, deploy: Deploy, endpoint: str) -> None:
    deploy(endpoint, "opensearch")
    work_on(world)
    for standby in ("embedded", "opensearch", "embedded"):
        deploy(endpoint, standby)
        assert world.finds_all()
        world.stir()
        assert world.finds_all()
    assert world.is_right()
    world.index().erase(lambda: True)


def test_a_standby_that_can_not_be_reached_holds_up_no_answer(
    world: Switching, deploy: Deploy, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it misses is written when the order comes again."""
    deploy(endpoint, "opensearch")
    work_on(world)
    world.change(3)
    world.tell(3)
    with monkeypatch.context() as patch:
        patch.setattr(Requests, "send", _unreachable)
        with pytest.raises(ServiceUnavailableError):
            world.follow([world.queue.orders[0].order])
        assert world.finds_all()
    world.work()
    deploy(endpoint, "embedded")
    assert world.is_right()
    world.index().erase(lambda: True)


def _unreachable(*_: Any, **__: Any) -> None:
    raise ServiceUnavailableError("")  # noqa: EM101


@pytest.mark.long
@pytest.mark.parametrize("failing", [OpenSearch, Embedded])
def test_engines_that_are_built_together_stay_together(
    world: Switching, deploy: Deploy, endpoint: str, failing: type[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of them fails at a step."""
    deploy(endpoint, "opensearch")
    work_on(world)
    world.reindex()
    for _ in range(2):
        world.follow([world.queue.orders.popleft().order])
    with monkeypatch.context() as patch:
        patch.setattr(failing, "extend", _unreachable)
        with pytest.raises(ServiceUnavailableError):
            world.follow([world.queue.orders[0].order])
    world.work()
    assert world.index().current()
    assert world.index().build() is None
    for standby in ("opensearch", "embedded"):
        deploy(endpoint, standby)
        assert world.is_right()
    world.index().erase(lambda: True)


def test_a_tenant_is_erased_in_both(world: Switching, deploy: Deploy, endpoint: str, dynamodb: Any) -> None:
    deploy(endpoint, "opensearch")
    work_on(world)
    world.follow([Order(TENANT, compact="x")], exists=lambda: False)
    for standby in ("opensearch", "embedded"):
        deploy(endpoint, standby)
        assert world.is_missing()
    assert OpenSearch(data_of(dynamodb, TENANT), cluster()).build() is None


def test_without_a_cluster_the_embedded_engine_is_all_there_is(deploy: Deploy) -> None:
    deploy("", "embedded")
    assert isinstance(engines.index_of_tenant(TENANT), Embedded)
    assert isinstance(engines.index_of_caller(ADMIN), Embedded)
