"""Processes of functions: how many there are, how they start and end, whose they are, and whose answer a call gets."""

import io
import json
import os
import signal
import subprocess
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from local.aws import lambda_functions
from local.aws.iam import is_assumed, principal_of
from local.aws.lambda_functions import PROCESSES, QUEUE_PROCESSES
from local.emulator.loading import MiniStack
from tests.harness.sockets import opened
from tests.harness.stack import Stack

type Deploy = Callable[[str], str]

BROKEN = "raise RuntimeError('This is broken')"
DOUBLING = """
def handler(event, context):
    return 2 * event
"""
WAITING = """
import os, pathlib, time
def handler(event, context):
    folder = pathlib.Path(event if isinstance(event, str) else event["Records"][0]["body"])
    (folder / str(os.getpid())).touch()
    while not (folder / "go on").exists():
        time.sleep(0.01)
    return "waited"
"""
LOUD = """
import os, subprocess, sys
def handler(event, context):
    os.write(1, b'{"status": "ok", "result": "from standard output"}\\n')
    print('{"status": "ok", "result": "from a child"}', file=sys.__stdout__, flush=True)
    read = subprocess.run(["cat"], stdout=subprocess.PIPE, check=True).stdout.decode()
    return [event, sys.stdin.read(), read]
"""


def archive(code: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("index.py", code)
    return content.getvalue()


@pytest.fixture
def functions(stack: Stack) -> Any:
    return stack.client("lambda")


@pytest.fixture
def deploy(functions: Any) -> Iterator[Deploy]:
    """Deploy functions that go with the test."""
    with ExitStack() as at_end:

        def deploy(code: str) -> str:
            name = create(functions, code)
            at_end.callback(functions.delete_function, FunctionName=name)
            return name

        yield deploy


def create(functions: Any, code: str) -> str:
    """Create a function and return its name."""
    name = f"test-{uuid.uuid4()}"
    functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role="arn:aws:iam::000000000000:role/test",
        Handler="index.handler",
        Code={"ZipFile": archive(code)},
        Timeout=30,
    )
    return name


def invoke(functions: Any, name: str, event: object) -> Any:
    """Call a function and return its answer."""
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(event))
    return json.loads(answer["Payload"].read())


def waiting(folder: Path, number: int) -> list[int]:
    """Return the processes of so many calls of WAITING, once they are there."""
    deadline = time.monotonic() + 20
    while len(found := [int(path.name) for path in folder.iterdir()]) < number and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def test_a_function_that_could_not_start_works_once_it_is_corrected(functions: Any, deploy: Deploy) -> None:
    name = deploy(BROKEN)
    for _ in range(PROCESSES + 1):
        assert "This is broken" in invoke(functions, name, 1)["errorMessage"]
    functions.update_function_code(FunctionName=name, ZipFile=archive(DOUBLING))
    assert invoke(functions, name, 1) == 2


def test_calls_end_when_their_function_is_updated(functions: Any, deploy: Deploy, tmp_path: Path) -> None:
    name = deploy(WAITING)
    with ThreadPoolExecutor() as pool:
        calls = [pool.submit(invoke, functions, name, str(tmp_path)) for _ in range(PROCESSES)]
        waiting(tmp_path, PROCESSES)
        functions.update_function_code(FunctionName=name, ZipFile=archive(DOUBLING))
        (tmp_path / "go on").touch()
        assert [call.result() for call in calls] == ["waited"] * PROCESSES
    assert invoke(functions, name, 2) == 4


def test_messages_wait_in_their_queue_for_a_process(
    stack: Stack, functions: Any, deploy: Deploy, tmp_path: Path
) -> None:
    sqs, name = stack.client("sqs"), deploy(WAITING)
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    numbers = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    mapping = functions.create_event_source_mapping(
        FunctionName=name,
        EventSourceArn=attributes["QueueArn"],
        BatchSize=1,
        ScalingConfig={"MaximumConcurrency": 50},
    )
    try:
        for _ in range(2 * QUEUE_PROCESSES):
            sqs.send_message(QueueUrl=queue, MessageBody=str(tmp_path))
        waiting(tmp_path, QUEUE_PROCESSES)
        attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=numbers)["Attributes"]
        assert attributes == dict.fromkeys(numbers, str(QUEUE_PROCESSES))
    finally:
        functions.delete_event_source_mapping(UUID=mapping["UUID"])
        (tmp_path / "go on").touch()
        sqs.delete_queue(QueueUrl=queue)


def test_what_is_on_standard_output_is_no_answer(functions: Any, deploy: Deploy) -> None:
    name = deploy(LOUD)
    assert [invoke(functions, name, number) for number in range(3)] == [[number, "", ""] for number in range(3)]


def test_a_start_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lambda_functions, "_START_SECONDS", 0)
    with subprocess.Popen(["sleep", "60"], stdout=subprocess.PIPE, text=True) as process:
        with pytest.raises(TimeoutError, match=r"has not started in 0\.1 seconds"):
            lambda_functions._read_in_time(SimpleNamespace(_proc=process, config={"Timeout": 0.1}))
        assert process.wait(10) < 0


def test_functions_of_websockets_log(stack: Stack) -> None:
    with opened(stack, stack.token("agent@acme.example")):
        pass
    group = "/aws/cloudformation/ticket-system-local/LiveLogs"
    pages = stack.client("logs").get_paginator("describe_log_streams").paginate(logGroupName=group)
    streams = [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
    assert any("/ticket-system-local-ConnectFunction-" in stream for stream in streams)


@pytest.mark.long
def test_ctrl_c_waits_for_calls_that_end_soon_and_for_no_others(start: Callable[..., Stack], tmp_path: Path) -> None:
    running = start()
    functions = running.client("lambda")
    name, folders = create(functions, WAITING), [tmp_path / "soon", tmp_path / "never"]
    for folder in folders:
        folder.mkdir()
    with ThreadPoolExecutor() as pool:
        soon, never = (pool.submit(invoke, functions, name, str(folder)) for folder in folders)
        for process in [running.process.pid, *(pid for folder in folders for pid in waiting(folder, 1))]:
            os.kill(process, signal.SIGINT)  # as a terminal does
        time.sleep(0.2)
        (folders[0] / "go on").touch()
        assert soon.result() == "waited"
        began = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - began < 15
        assert never.exception() or never.result() != "waited"


def test_a_function_is_a_session_of_its_role() -> None:
    """The same one whenever it starts, so that addresses that it has signed stay good."""
    runtime, sts = ModuleType("runtime"), ModuleType("sts")
    sessions: dict[str, dict[str, str]] = {}

    def execution_credentials(config: dict[str, str]) -> dict[str, str]:
        raise NotImplementedError(config)

    def register_session(access_key: str, session: dict[str, str]) -> None:
        sessions[access_key] = session

    vars(runtime)["execution_credentials"] = execution_credentials
    vars(sts).update(register_session=register_session, _sessions=sessions)
    lambda_functions._give_functions_sessions(cast("MiniStack", SimpleNamespace(lambda_runtime=runtime, sts=sts)))
    config = {"FunctionName": "stack-GetTicket", "Role": "arn:aws:iam::000000000000:role/stack-GetTicketRole"}
    given, again = (vars(runtime)["execution_credentials"](config) for _ in range(2))
    assert given == again
    assert given["AWS_ACCESS_KEY_ID"] == "stack-GetTicket"
    session = sessions["stack-GetTicket"]
    assert session["Arn"] == "arn:aws:sts::000000000000:assumed-role/stack-GetTicketRole/stack-GetTicket"
    assert (session["SecretAccessKey"], session["SessionToken"]) == (
        given["AWS_SECRET_ACCESS_KEY"],
        given["AWS_SESSION_TOKEN"],
    )
    assert principal_of(session) == "arn:aws:iam::000000000000:role/stack-GetTicketRole"
    assert not is_assumed(session)
