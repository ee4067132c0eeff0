"""The bucket of indexes on moto, and a tenant whose orders are kept."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session
from moto.dynamodb.models import DynamoDBBackend

from tests.unit.attachments.support import moto_buckets
from tests.unit.conftest import Clock
from tests.unit.search.indexing.world import World
from tests.unit.support import SEARCH_BUCKET
from ticketing.aws import clients


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ticketing.search.embedded.time.sleep", lambda _: None)


@pytest.fixture(scope="package")
def moto_bucket(moto_backend: DynamoDBBackend, botocore_session: Session) -> Iterator[Any]:  # noqa: ARG001 - moto runs
    """Make the bucket, once for all tests."""
    client: Any = botocore_session.create_client(
        "s3", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    client.create_bucket(Bucket=SEARCH_BUCKET)
    yield moto_buckets()[SEARCH_BUCKET]
    moto_buckets()[SEARCH_BUCKET].keys.clear()
    client.delete_bucket(Bucket=SEARCH_BUCKET)


@pytest.fixture
def world(dynamodb: Any, moto_bucket: Any, tmp_path: Path, time: Clock, monkeypatch: pytest.MonkeyPatch) -> World:  # noqa: ARG001
    """Return the tenant acme, without tickets and without an index."""
    moto_bucket.keys.clear()
    monkeypatch.setenv("SEARCH_INDEXING", "orders")
    world = World(tmp_path, time)
    monkeypatch.setattr(clients, "sqs", lambda: world.queue)
    world.tenant()
    return world
