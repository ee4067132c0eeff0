"""What is on streams, how batches are retried, and when they are given up."""

import time
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest

from local.aws import dynamodb_streams
from local.aws.dynamodb_streams import _RetryPolicy
from tests.harness.stack import Stack

# The emulator looks for expired items once a minute.
SECONDS_TO_EXPIRE = 75.0

type Record = dict[str, Any]


@pytest.fixture
def put_aside() -> list[Record]:
    return []


@pytest.fixture
def retries(put_aside: list[Record]) -> _RetryPolicy:
    def send(_esm: Record, _function: Record, batch: list[Record], *_: object) -> None:
        put_aside.extend(batch)

    return _RetryPolicy(cast("Any", SimpleNamespace(_send_ddb_stream_failure_record=send)))


MAPPING: Record = {"UUID": "m", "MaximumRetryAttempts": 2, "FunctionResponseTypes": ["ReportBatchItemFailures"]}
FAILED: Record = {"error": True, "body": {"errorMessage": "no"}}
REPORTED: Record = {"body": {"batchItemFailures": [{"itemIdentifier": "1"}]}}
DONE: Record = {"body": {"batchItemFailures": []}}


def batch(number: int = 1) -> list[Record]:
    return [{"dynamodb": {"SequenceNumber": str(number)}}]


@pytest.mark.parametrize("failure", [FAILED, REPORTED])
def test_a_batch_that_keeps_failing_is_put_aside(
    retries: _RetryPolicy, put_aside: list[Record], failure: Record
) -> None:
    verdicts = [bool(retries(MAPPING, {}, batch(), "arn", failure)["error"]) for _ in range(3)]
    assert verdicts == [True, True, False]
    assert put_aside == batch()


def test_failures_are_counted_for_each_batch(retries: _RetryPolicy, put_aside: list[Record]) -> None:
    for result in (FAILED, FAILED, DONE, FAILED, FAILED):
        retries(MAPPING, {}, batch(), "arn", result)
    retries(MAPPING, {}, batch(2), "arn", FAILED)
    assert put_aside == []


def test_without_a_number_a_batch_is_repeated_for_ever(retries: _RetryPolicy, put_aside: list[Record]) -> None:
    mapping = {"UUID": "m", "FunctionResponseTypes": []}
    assert all(retries(mapping, {}, batch(), "arn", FAILED)["error"] for _ in range(20))
    assert put_aside == []


def test_a_report_counts_only_where_the_mapping_takes_one(retries: _RetryPolicy) -> None:
    assert retries(MAPPING | {"FunctionResponseTypes": []}, {}, batch(), "arn", REPORTED) == REPORTED


@pytest.fixture
def ticket(stack: Stack) -> Iterator[Record]:
    """The key of a ticket whose time in the trash is over, with one event."""
    table, dynamodb = stack.outputs["TicketsTableName"], stack.client("dynamodb")
    key: Record = {"PK": {"S": f"TENANT#t#TICKET#{uuid4()}"}, "SK": {"S": "TICKET"}}
    dynamodb.put_item(TableName=table, Item={**key, "SK": {"S": "EVENT#0000000001"}})
    dynamodb.put_item(TableName=table, Item={**key, "expiresAt": {"N": str(int(time.time()) - 1)}})
    yield key
    for sort in ("EVENT#0000000001", "TICKET"):
        dynamodb.delete_item(TableName=table, Key={**key, "SK": {"S": sort}})


@pytest.mark.long
def test_what_expires_is_purged(stack: Stack, ticket: Record) -> None:
    """The removal reaches the stream as DynamoDB's own, passes the template's filter, and purgeTicket does the rest."""
    table, dynamodb = stack.outputs["TicketsTableName"], stack.client("dynamodb")
    deadline = time.monotonic() + SECONDS_TO_EXPIRE
    while dynamodb.query(
        TableName=table, KeyConditionExpression="PK = :ticket", ExpressionAttributeValues={":ticket": ticket["PK"]}
    )["Items"]:
        assert time.monotonic() < deadline
        time.sleep(0.5)


SCOPE = ("000000000000", "us-east-1")


class Scoped:
    """A store of the emulator, keyed by account and region."""

    def __init__(self) -> None:
        self._data: dict[tuple[str, ...], Any] = {}

    def get_scoped(self, account_id: str, region: str, key: str, default: object = None) -> Any:
        return self._data.get((account_id, region, key), default)

    def set_scoped(self, account_id: str, region: str, key: str, value: object) -> None:
        self._data[account_id, region, key] = value


def test_a_stream_keeps_the_newest_and_its_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamodb_streams, "STREAM_RECORDS", 5)
    dynamodb = cast("Any", ModuleType("dynamodb"))
    dynamodb._stream_records, dynamodb._stream_trimmed = Scoped(), Scoped()
    dynamodb._trim_stream_records = lambda table_name, account_id=None, region=None: None  # noqa: ARG005
    dynamodb.get_account_id, dynamodb.get_region = lambda: SCOPE[0], lambda: SCOPE[1]
    dynamodb_streams._keep_newest_records(dynamodb)

    records: list[int] = []
    dynamodb._stream_records.set_scoped(*SCOPE, "tickets", records)
    for number in range(12):
        records.append(number)
        dynamodb._trim_stream_records("tickets")

    assert records == [7, 8, 9, 10, 11]
    assert dynamodb._stream_trimmed.get_scoped(*SCOPE, "tickets") == 7
