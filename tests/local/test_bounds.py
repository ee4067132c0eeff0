"""What the emulator would keep without end."""

from types import ModuleType, SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from local import bounds
from tests.stack import Stack

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
    monkeypatch.setattr(bounds, "STREAM_RECORDS", 5)
    dynamodb = cast("Any", ModuleType("dynamodb"))
    dynamodb._stream_records, dynamodb._stream_trimmed = Scoped(), Scoped()
    dynamodb._trim_stream_records = lambda table_name, account_id=None, region=None: None  # noqa: ARG005
    dynamodb.get_account_id, dynamodb.get_region = lambda: SCOPE[0], lambda: SCOPE[1]
    bounds._bound_streams(dynamodb)

    records: list[int] = []
    dynamodb._stream_records.set_scoped(*SCOPE, "tickets", records)
    for number in range(12):
        records.append(number)
        dynamodb._trim_stream_records("tickets")

    assert records == [7, 8, 9, 10, 11]
    assert dynamodb._stream_trimmed.get_scoped(*SCOPE, "tickets") == 7


def test_finished_executions_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "EXECUTIONS", 2)
    executions = {"waiting": {"status": "RUNNING"}}
    stepfunctions = cast("Any", ModuleType("stepfunctions"))
    stepfunctions._executions = SimpleNamespace(_data=executions)

    def run(exec_arn: str) -> None:
        executions[exec_arn] = {"status": "SUCCEEDED"}

    stepfunctions._run_execution = run
    bounds._bound_executions(stepfunctions)
    for name in "abcd":
        stepfunctions._run_execution(name)

    assert list(executions) == ["waiting", "c", "d"]


def test_a_function_s_log_is_in_a_file_and_its_group_is_bounded(stack: Stack) -> None:
    with httpx.Client(base_url=stack.base_url, timeout=30) as api:
        for _ in range(bounds.STREAMS_PER_GROUP + 5):
            assert api.options("/v1/tickets").is_success

    logs = stack.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups(limit=50)["logGroups"]]
    group = next(name for name in groups if "Preflight" in name)
    pages = logs.get_paginator("describe_log_streams").paginate(logGroupName=group)
    assert sum(len(page["logStreams"]) for page in pages) <= bounds.STREAMS_PER_GROUP
    assert (stack.state / "logs" / "functions.log").exists()


def test_the_bus_keeps_the_newest_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "ARCHIVED_EVENTS", 3)
    log: list[int] = []
    archive: dict[str, list[int]] = {}

    def original(event: int, view: object = None) -> None:  # noqa: ARG001 (the emulator's signature)
        archive.setdefault("Events", []).append(event)

    eventbridge = cast("Any", ModuleType("eventbridge"))
    eventbridge._archive_event, eventbridge._archives = original, {"archive": archive}
    eventbridge._events_log_list = lambda: log
    bounds._bound_events(eventbridge)
    for number in range(7):
        log.append(number)
        eventbridge._archive_event(number)
    assert archive["Events"] == log == [4, 5, 6]
