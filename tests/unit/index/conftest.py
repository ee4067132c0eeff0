"""A table and a bucket for indexes, and processes that use them."""

from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session
from moto.dynamodb.models import DynamoDBBackend
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.attachments.support import moto_buckets
from tests.unit.conftest import Clock
from tests.unit.index.support import INDEX_TABLE, PACKS, Aws, Process, Start
from tests.unit.support import create_table, template
from ticketing.aws import clients


@pytest.fixture(scope="package")
def moto_index(moto_backend: DynamoDBBackend, botocore_session: Session) -> Iterator[None]:  # noqa: ARG001 - moto runs
    """Make the table and the bucket, once for all tests."""
    create: Any = partial(
        botocore_session.create_client,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    dynamodb = create("dynamodb")
    create_table(dynamodb, INDEX_TABLE, template()["Resources"]["SearchTable"]["Properties"])
    s3 = create("s3")
    s3.create_bucket(Bucket=PACKS)
    yield
    moto_buckets()[PACKS].keys.clear()
    s3.delete_bucket(Bucket=PACKS)
    dynamodb.delete_table(TableName=INDEX_TABLE)


@pytest.fixture
def aws(moto_index: None, dynamodb: DynamoDBClient, time: Clock, tmp_path: Path) -> Aws:  # noqa: ARG001 - all are there
    """Return the table and the bucket, empty."""
    moto_buckets()[PACKS].keys.clear()
    return Aws(dynamodb, clients.s3(), tmp_path, count())


@pytest.fixture
def start(aws: Aws) -> Start:
    return aws.start


@pytest.fixture
def process(start: Start) -> Process:
    return start()
