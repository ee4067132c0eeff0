"""Bounds for what the emulator would keep without end, and a file for what the functions log."""

import logging
from logging.handlers import RotatingFileHandler
from types import ModuleType
from typing import Any

from local.emulator import LOG_BYTES, MiniStack
from local.patches import replace, require
from local.settings import Settings

EXECUTIONS = 1000
STREAMS_PER_GROUP = 200
STREAM_RECORDS = 20_000
ARCHIVED_EVENTS = 20_000


def keep_within_bounds(emulator: MiniStack, settings: Settings) -> None:
    """Keep only the newest logs, executions, records and events in memory; write function logs to a bounded file."""
    _bound_logs(emulator, _function_log(settings))
    _bound_executions(emulator.stepfunctions)
    _bound_streams(emulator.dynamodb)
    _bound_events(emulator.eventbridge)


def _function_log(settings: Settings) -> logging.Logger:
    handler = RotatingFileHandler(settings.logs / "functions.log", maxBytes=LOG_BYTES, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("local.functions")
    log.propagate = False
    log.handlers = [handler]
    return log


def _bound_logs(emulator: MiniStack, file: logging.Logger) -> None:
    service, logs = emulator.lambda_service, emulator.logs
    original = require(
        service, "_emit_lambda_logs", "func", "request_id", "log_text", "error", "duration_ms", "log_source"
    )

    def emit(  # noqa: PLR0913 (the emulator's signature)
        func: dict[str, Any],
        request_id: str,
        log_text: str,
        error: bool,  # noqa: FBT001
        duration_ms: int,
        *,
        log_source: str | None = None,
    ) -> None:
        original(func, request_id, log_text, error, duration_ms, log_source=log_source)
        config = func.get("config") or func
        name = config.get("FunctionName", "")
        for line in log_text.splitlines():
            file.info("%s %s", name, line)
        # Every call makes a stream of its own.
        group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"
        streams = (logs._log_groups.get(group) or {}).get("streams", {})  # noqa: SLF001
        _drop_oldest(streams, STREAMS_PER_GROUP)

    replace(service, "_emit_lambda_logs", emit)


def _bound_executions(stepfunctions: ModuleType) -> None:
    original = require(stepfunctions, "_run_execution", "exec_arn")

    def run(exec_arn: str) -> None:
        original(exec_arn)
        executions = stepfunctions._executions._data  # noqa: SLF001
        # One that still runs is newer than a thousand finished ones, or it may wait for days: keep it.
        finished = {key: None for key, value in list(executions.items()) if value.get("status") != "RUNNING"}
        for key in list(finished)[:-EXECUTIONS]:
            executions.pop(key, None)

    replace(stepfunctions, "_run_execution", run)


def _bound_streams(dynamodb: ModuleType) -> None:
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


def _bound_events(eventbridge: ModuleType) -> None:
    original = require(eventbridge, "_archive_event", "event", "view")

    def archive(event: dict[str, Any], view: object = None) -> None:
        original(event, view)
        # Each event is kept twice: by its archive, and in a list of all that nothing reads.
        for events in (eventbridge._events_log_list(), *map(_events_of, eventbridge._archives.values())):  # noqa: SLF001
            if (surplus := len(events) - ARCHIVED_EVENTS) > 0:
                del events[:surplus]

    replace(eventbridge, "_archive_event", archive)


def _events_of(archive: dict[str, Any]) -> list[Any]:
    events: list[Any] = archive.setdefault("Events", [])
    return events


def _drop_oldest(entries: dict[str, Any], keep: int) -> None:
    for key in list(entries)[: max(0, len(entries) - keep)]:
        entries.pop(key, None)
