"""DynamoDB Streams as AWS has it: expired items are on streams, and batches are retried, filtered and given up.

Streams are in memory only. Records that no consumer has read when the process ends are lost.
"""

import logging
import math
import threading
import time
from collections import Counter
from types import ModuleType
from typing import Any

from local.emulator.loading import MiniStack
from local.emulator.patching import replace, require, rewrite

_BY_DYNAMODB = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
_REAPER = "dynamodb-ttl-reaper"

# Per poll of a stream, and from one poll to the next.
_MAX_RECORDS = 1000
_POLL_SECONDS = 0.25
STREAM_RECORDS = 20_000

type Record = dict[str, Any]

logger = logging.getLogger("local.streams")


def patch(emulator: MiniStack) -> None:
    """Put expired items on streams, deliver batches as AWS does, and keep the newest records.

    Call it after the journal has hooked into DynamoDB: what expires passes this patch first.

    Raises
    ------
    EmulatorError
        If what this builds on is not there.
    """
    _put_expired_items_on_streams(emulator)
    _deliver_as_aws_does(emulator)
    _keep_newest_records(emulator.dynamodb)


def _put_expired_items_on_streams(emulator: MiniStack) -> None:
    """Let the removal of an expired item reach its table's stream, marked as DynamoDB's own doing."""
    dynamodb = emulator.dynamodb
    remove = require(dynamodb, "_remove_item", "table", "pk_val", "sk_val")
    build = require(dynamodb, "_build_change_record", "table", "event_name", "old_item", "new_item", "view_type")
    emit = require(dynamodb, "_emit_stream_event", "table_name", "event_name", "old_item", "new_item", "replicate")

    def remove_and_emit(table: Record, pk_val: str, sk_val: str) -> Record | None:
        old: Record | None = remove(table, pk_val, sk_val)
        if old is not None and _is_reaper():  # all other callers emit it themselves
            emit(table["TableName"], "REMOVE", old, None)
        return old

    def build_and_mark(table: Record, event_name: str, old_item: object, new_item: object, view_type: str) -> Record:
        record: Record = build(table, event_name, old_item, new_item, view_type)
        return {**record, "userIdentity": _BY_DYNAMODB} if _is_reaper() else record

    replace(dynamodb, "_remove_item", remove_and_emit)
    replace(dynamodb, "_build_change_record", build_and_mark)


def _is_reaper() -> bool:
    return threading.current_thread().name == _REAPER


def _deliver_as_aws_does(emulator: MiniStack) -> None:
    """Retry batches as the event source mapping says, filter before batches are cut, and poll at AWS's rate.

    The emulator takes a report of failed records for a success, and retries a failed batch for ever. Here the whole
    batch is retried, as consumers have to expect anyway, and at last sent to the failure destination. The emulator cuts
    batches before it filters, and polls after each write: work beside every request, which a caller would take for the
    system's own slowness. Here, as on AWS, a stream is polled four times a second.
    """
    service = emulator.lambda_service
    require(service, "_execute_function", "func", "event")
    require(service, "_send_ddb_stream_failure_record", "esm", "func_rec", "batch", "stream_arn", "result", "condition")
    apply_filter = require(service, "_apply_filter_criteria", "records", "esm")
    require(service, "_poll_dynamodb_streams")

    def batch_of(records: list[Record], esm: Record, size: int) -> list[Record]:
        """Return the records up to the one that fills a batch."""
        matching = 0
        for end, record in enumerate(records, start=1):
            matching += len(apply_filter([record], esm))
            if matching == size:
                return records[:end]
        return records

    changes = {
        "            batch = _ddb.stream_records_since(table_name, pos, batch_size)\n": (
            "            batch = _batch_of(_ddb.stream_records_since(table_name, pos, _MAX_RECORDS), esm, batch_size)\n"
        ),
        "            result = _execute_function(func_rec, event)\n": (
            "            result = _with_retries(esm, func_rec, batch, source_arn, _execute_function(func_rec, event))\n"
        ),
    }
    rewrite(
        service,
        "_poll_dynamodb_streams",
        changes,
        _batch_of=batch_of,
        _with_retries=_RetryPolicy(service),
        _MAX_RECORDS=_MAX_RECORDS,
    )
    _poll_in_own_thread(service)


def forget_positions(emulator: MiniStack) -> None:
    """Forget how far consumers had read the streams of the last process, which are gone; call after a restart.

    A position that is kept would be taken for one in the new stream, and the records before it would be skipped.
    """
    emulator.lambda_service._dynamodb_stream_positions._data.clear()  # noqa: SLF001


def _poll_in_own_thread(service: ModuleType) -> None:
    """Poll streams in a thread of its own: the emulator's one waits for each function, and polls the queues, too."""
    poll = service._poll_dynamodb_streams  # noqa: SLF001

    def poll_for_ever() -> None:
        while True:
            try:
                poll()
            except Exception:
                logger.exception("polling the streams failed")
            time.sleep(_POLL_SECONDS)

    started = threading.Event()

    def start() -> bool:
        if not started.is_set():
            started.set()
            threading.Thread(target=poll_for_ever, name="streams", daemon=True).start()
        return False  # nothing that the emulator's own thread would have to come back for

    replace(service, "_poll_dynamodb_streams", start)


class _RetryPolicy:
    """Counts the failures of each batch, and gives up on it after MaximumRetryAttempts."""

    def __init__(self, service: ModuleType) -> None:
        self._service = service
        self._failures = Counter[tuple[str, str]]()

    def __call__(self, esm: Record, function: Record, batch: list[Record], stream_arn: str, result: Record) -> Record:
        """Return the result that the emulator acts on: an error is retried."""
        key = esm["UUID"], batch[0]["dynamodb"]["SequenceNumber"]
        reported = (result.get("body") or {}).get("batchItemFailures") if not result.get("error") else None
        if reported and "ReportBatchItemFailures" in esm["FunctionResponseTypes"]:
            result = {**result, "error": True}
        if not result.get("error"):
            del self._failures[key]
            return result
        self._failures[key] += 1
        if self._failures[key] <= esm.get("MaximumRetryAttempts", math.inf):
            return result
        del self._failures[key]
        self._service._send_ddb_stream_failure_record(  # noqa: SLF001
            esm, function, batch, stream_arn, result, "RetryAttemptsExhausted"
        )
        return {**result, "error": False}


def _keep_newest_records(dynamodb: ModuleType) -> None:
    original = require(dynamodb, "_trim_stream_records", "table_name", "account_id", "region")

    def trim(table_name: str, *, account_id: str | None = None, region: str | None = None) -> None:
        original(table_name, account_id=account_id, region=region)
        account_id, region = account_id or dynamodb.get_account_id(), region or dynamodb.get_region()
        records = dynamodb._stream_records.get_scoped(account_id, region, table_name) or []  # noqa: SLF001
        if (surplus := len(records) - STREAM_RECORDS) > 0:
            # As the emulator itself does it with records of more than a day: readers count from the first ever.
            del records[:surplus]
            trimmed = dynamodb._stream_trimmed  # noqa: SLF001
            before = trimmed.get_scoped(account_id, region, table_name, 0)
            trimmed.set_scoped(account_id, region, table_name, before + surplus)

    replace(dynamodb, "_trim_stream_records", trim)
