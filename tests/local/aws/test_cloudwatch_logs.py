"""What functions log: where a call's log ends, and how much is kept."""

import queue
import time
from types import SimpleNamespace

from local.aws.cloudwatch_logs import END_OF_LOG, STREAMS_PER_GROUP, _drain_stderr
from tests.harness.client import Client
from tests.harness.stack import Stack


def test_a_log_ends_where_the_worker_says_so() -> None:
    lines: queue.Queue[str] = queue.Queue()
    worker = SimpleNamespace(_stderr_queue=lines)
    for line in ("one", "two, without an end" + END_OF_LOG, "of the next call"):
        lines.put(line)
    began = time.monotonic()
    assert _drain_stderr(worker) == "one\ntwo, without an end"
    assert time.monotonic() - began < 0.05
    assert lines.get_nowait() == "of the next call"


def test_the_logs_of_a_service_are_in_a_file_and_in_a_bounded_group_by_function(stack: Stack) -> None:
    with Client(stack.base_url) as api:
        for _ in range(STREAMS_PER_GROUP + 5):
            assert api.options("/v1/tickets").is_success

    logs = stack.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups(limit=50)["logGroups"]]
    group = next(name for name in groups if "ApiLogs" in name)
    pages = logs.get_paginator("describe_log_streams").paginate(logGroupName=group)
    streams = [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
    assert len(streams) == STREAMS_PER_GROUP
    assert all("/ticket-system-local-PreflightFunction-" in stream for stream in streams)
    assert (stack.state / "logs" / "functions.log").exists()
