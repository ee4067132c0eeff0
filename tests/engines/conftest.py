"""Both engines behind the port of search: the embedded one on a folder, OpenSearch as a process on this machine.

The process is osmem's, which imitates OpenSearch. With `OPENSEARCH_ENDPOINT` in the environment, it is the
cluster at that URL, as in the workflow; then nothing is left out that the imitation can't do.
"""

import os
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from mypy_boto3_dynamodb import DynamoDBClient
from osmem_server import OsmemServer

from tests.unit.conftest import aws_account, botocore_session, dynamodb, fresh_clients, moto_backend, tables, time
from tests.unit.search.indexing.conftest import moto_bucket
from tests.unit.search.support import FolderStore
from tests.unit.support import data_of
from ticketing.aws import clients
from ticketing.aws.data import Cluster
from ticketing.index.heads import Pointer
from ticketing.search import embedded, opensearch, opensearch_requests
from ticketing.search.embedded import Embedded
from ticketing.search.indexing import TendedIndex
from ticketing.search.opensearch import OpenSearch

__all__ = [
    "aws_account",
    "botocore_session",
    "dynamodb",
    "fresh_clients",
    "moto_backend",
    "moto_bucket",
    "tables",
    "time",
]

ENDPOINT = os.environ.get("OPENSEARCH_ENDPOINT", "").rstrip("/")


class Store(FolderStore):
    """A store of states as folders, that can be erased."""

    def erase(self, in_time: Callable[[], bool]) -> bool:
        self.current = Pointer()
        return in_time()


type Make = Callable[[], TendedIndex]
"""Makes an index of a tenant that nobody knows yet."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real(reason): only for a real OpenSearch; the imitation can't do it")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not ENDPOINT and (mark := item.get_closest_marker("real")):
            item.add_marker(pytest.mark.skip(reason=f"needs a real OpenSearch: {mark.args[0]}"))


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The URL of an OpenSearch cluster."""
    if ENDPOINT:
        yield ENDPOINT
        return
    with OsmemServer.start(japanese=False) as server:
        yield server.url.rstrip("/")


@pytest.fixture
def cluster(endpoint: str) -> Cluster:
    return Cluster(endpoint, clients.credentials)


@pytest.fixture
def make_opensearch(cluster: Cluster, dynamodb: DynamoDBClient) -> Iterator[Make]:
    made: list[TendedIndex] = []

    def make() -> TendedIndex:
        made.append(OpenSearch(data_of(dynamodb, str(uuid4())), cluster))
        return made[-1]

    yield make
    for index in made:
        index.erase(lambda: True)


@pytest.fixture
def make_embedded(tmp_path_factory: pytest.TempPathFactory) -> Make:
    return lambda: Embedded(Store(tmp_path_factory.mktemp("states")))  # type: ignore[arg-type]


@pytest.fixture(params=["embedded", "opensearch"])
def make(request: pytest.FixtureRequest) -> Make:
    """How an engine makes an index: of each engine in turn."""
    made: Make = request.getfixturevalue(f"make_{request.param}")
    return made


@pytest.fixture
def index(make: Make) -> TendedIndex:
    return make()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_PAUSES", (0.0,) * 5)
    for module in (opensearch, opensearch_requests):
        monkeypatch.setattr(module, "wait", lambda _: None)
