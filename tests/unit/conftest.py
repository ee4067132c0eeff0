"""Fixtures of the unit tests: no network, a made-up AWS account, the tickets table on moto, a clock that can be set."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.session import Session, get_session
from botocore.stub import Stubber
from moto import mock_aws
from moto.dynamodb.models import DynamoDBBackend
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.fast_aws import make_aws_fast
from tests.unit.support import (
    ADMIN,
    AGENT,
    BUCKET,
    MOMENT,
    NOTIFICATIONS_TABLE,
    OTHER_REPORTER,
    REPORTER,
    SEARCH_BUCKET,
    SEARCH_TABLE,
    STATE_MACHINE,
    TABLE,
    USERS_TABLE,
    StubbedLifecycle,
    create_table,
    data_of,
    moto_tables,
    put_item,
    template,
    user_row,
)
from ticketing import clock
from ticketing.api import frame
from ticketing.aws import clients
from ticketing.tickets.repository import TicketRepository

type Items = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def no_network(socket_disabled: None) -> None:
    """Refuse every socket: a unit test that needs one is no unit test."""


@pytest.fixture(autouse=True)
def aws_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in an AWS account that does not exist, and nowhere else, whatever the machine's own settings."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "CORS_ORIGINS", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("ATTACHMENTS_BUCKET", BUCKET)
    monkeypatch.setenv("NOTIFICATIONS_TABLE", NOTIFICATIONS_TABLE)
    monkeypatch.setenv("SEARCH_BUCKET", SEARCH_BUCKET)
    monkeypatch.setenv("SEARCH_TABLE", SEARCH_TABLE)
    monkeypatch.setenv("TICKETS_TABLE", TABLE)
    monkeypatch.setenv("USERS_TABLE", USERS_TABLE)
    monkeypatch.setenv("TICKET_LIFECYCLE", STATE_MACHINE)


@pytest.fixture(scope="session")
def botocore_session() -> Session:
    """Return one botocore session for all tests: it keeps AWS's service models, which take 50 ms to read."""
    make_aws_fast()
    return get_session()


@pytest.fixture(autouse=True)
def fresh_clients(monkeypatch: pytest.MonkeyPatch, botocore_session: Session) -> Iterator[None]:
    """Let no client outlive its test."""
    monkeypatch.setattr(clients, "get_session", lambda: botocore_session)
    caches = [each for each in vars(clients).values() if hasattr(each, "cache_clear")]
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.fixture(scope="session")
def tables() -> dict[str, dict[str, Any]]:
    """Return how template.yaml defines the tables, by the names that they have here."""
    resources = template()["Resources"]
    names = {
        TABLE: "TicketsTable",
        USERS_TABLE: "UsersTable",
        NOTIFICATIONS_TABLE: "NotificationsTable",
        SEARCH_TABLE: "SearchTable",
    }
    return {name: resources[logical_id]["Properties"] for name, logical_id in names.items()}


@pytest.fixture(scope="package")  # not longer: moto answers for every client while it runs
def moto_backend(tables: dict[str, dict[str, Any]]) -> Iterator[DynamoDBBackend]:
    """Keep one moto with the tables for all tests: starting it and making the tables costs 30 ms."""
    with mock_aws():
        client = get_session().create_client("dynamodb", region_name="us-east-1")
        for name, properties in tables.items():
            create_table(client, name, properties)
        yield moto_tables()


@pytest.fixture
def dynamodb(moto_backend: DynamoDBBackend) -> DynamoDBClient:
    """Return the functions' own DynamoDB client, against empty tables on moto."""
    for table in moto_backend.tables.values():
        table.items.clear()
    return clients.dynamodb()


@pytest.fixture
def people(dynamodb: DynamoDBClient) -> None:  # noqa: ARG001 - before it, tables are not empty
    """Make the tests' callers users of acme."""
    for caller, name in ((REPORTER, "Rita"), (OTHER_REPORTER, "Otto"), (AGENT, "Anna"), (ADMIN, "Ada")):
        put_item(USERS_TABLE, user_row(caller, name=name))


@pytest.fixture
def acme(dynamodb: DynamoDBClient) -> TicketRepository:
    """Return the tickets of the tenant acme."""
    return TicketRepository(data_of(dynamodb, "acme"))


@pytest.fixture
def globex(dynamodb: DynamoDBClient) -> TicketRepository:
    """Return the tickets of the tenant globex."""
    return TicketRepository(data_of(dynamodb, "globex"))


@pytest.fixture
def items(moto_backend: DynamoDBBackend) -> Items:
    """Return a look at all that the tickets table holds, as it is stored."""
    return lambda: _all_of(moto_backend, TABLE)


@pytest.fixture
def user_items(moto_backend: DynamoDBBackend) -> Items:
    """Return a look at all that the users table holds, as it is stored."""
    return lambda: _all_of(moto_backend, USERS_TABLE)


def _all_of(backend: DynamoDBBackend, table: str) -> list[dict[str, Any]]:
    partitions = backend.tables[table].items.values()
    return [deepcopy(item.to_json()["Attributes"]) for partition in partitions for item in partition.values()]


@pytest.fixture
def lifecycle() -> Iterator[StubbedLifecycle]:
    """Return the state machine's stand-in; every verdict that was prepared has to be asked for."""
    client = clients.stepfunctions()
    with Stubber(client) as stubber:
        yield StubbedLifecycle(client, stubber)
        stubber.assert_no_pending_responses()


class Clock:
    """The time that the backend believes in."""

    def __init__(self) -> None:
        self.now = MOMENT

    def set(self, moment: datetime) -> None:
        self.now = moment

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return a clock that stands still unless it is set."""
    stopped = Clock()
    monkeypatch.setattr(clock, "now", lambda: stopped.now)
    return stopped


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """Return a look at the log, line by line as it would reach CloudWatch."""
    stream = io.StringIO()
    handler = frame.logger.registered_handler  # all loggers write to one handler
    assert isinstance(handler, logging.StreamHandler)
    monkeypatch.setattr(handler, "stream", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
