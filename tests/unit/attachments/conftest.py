"""A ticket, and a bucket for its files."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.session import Session
from moto.dynamodb.models import DynamoDBBackend
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.attachments.support import Bucket, moto_buckets
from tests.unit.comments.support import there
from tests.unit.conftest import Clock
from tests.unit.support import BUCKET, a_ticket, orders_of
from ticketing.aws import clients
from ticketing.tickets.models import Ticket


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say of the deployment what functions of attachments are told."""
    monkeypatch.setenv("ATTACHMENT_MAX_BYTES", "1000")
    monkeypatch.setenv("ATTACHMENT_TENANT_BYTES", "10000")
    monkeypatch.setenv("ATTACHMENT_SCAN", "guardduty")
    orders_of(monkeypatch)  # what is purged leaves the search index, too


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Wait for nothing, and return for how long it was to be waited."""
    waits: list[float] = []
    monkeypatch.setattr("ticketing.attachments.arrival.time.sleep", waits.append)
    return waits


@pytest.fixture(autouse=True)
def ticket(dynamodb: DynamoDBClient, people: None, time: Clock) -> Ticket:  # noqa: ARG001 - both have to be there
    """Put REPORTER's ticket there."""
    return there(dynamodb, a_ticket())


@pytest.fixture(scope="package")
def moto_bucket(moto_backend: DynamoDBBackend, botocore_session: Session) -> Iterator[Any]:  # noqa: ARG001 - moto runs
    """Make the bucket, once for all tests, and return a client of it."""
    client: Any = botocore_session.create_client(
        "s3", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    yield client
    moto_buckets()[BUCKET].keys.clear()
    client.delete_bucket(Bucket=BUCKET)


@pytest.fixture(autouse=True)
def bucket(moto_bucket: Any, ticket: Ticket) -> Bucket:  # noqa: ARG001 - the ticket's fixture made fresh clients
    """Return the bucket, empty, as the functions find it."""
    moto_buckets()[BUCKET].keys.clear()
    made = Bucket(moto_bucket)
    clients.s3().meta.events.register("before-call.s3", made.policy)
    return made
