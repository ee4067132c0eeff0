"""The few places where the emulator is changed, and the checks that they still are what they were.

Each change is small and says why it is there. What is replaced is looked at first: a release of the emulator that
moves or rewrites it stops the start with a clear message, instead of running without the change.
"""

import inspect
import json
import queue
import time
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any

import yaml

from local.emulator import EmulatorError, MiniStack

# A line that a worker writes after what a function has logged, so that nobody needs to wait and see.
END_OF_LOG = "\x1eend-of-log\x1e"
_LOG_TIMEOUT = 1.0


def require(owner: ModuleType | type, name: str, *parameters: str) -> Callable[..., Any]:
    """Return a function of the emulator after checking that it takes these parameters.

    Raises
    ------
    EmulatorError
        If there is no such function, or it takes others.
    """
    function: Callable[..., Any] | None = getattr(owner, name, None)
    if function is None or tuple(inspect.signature(function).parameters) != parameters:
        message = (
            f"The installed ministack is not the one that local/ was written for: {owner.__name__}.{name}"
            f"({', '.join(parameters)}) is missing or takes other parameters."
        )
        raise EmulatorError(message)
    return function


def replace(owner: ModuleType | type, name: str, function: Callable[..., Any]) -> None:
    """Put a function in the place of one that `require` has found."""
    setattr(owner, name, function)


def rewritten(text: str, old: str, new: str, where: str) -> str:
    """Return the text with its one occurrence of `old` replaced.

    Raises
    ------
    EmulatorError
        If `old` does not occur exactly once.
    """
    if text.count(old) != 1:
        message = f"The installed ministack is not the one that local/ was written for: {where} has changed."
        raise EmulatorError(message)
    return text.replace(old, new)


def rewrite(owner: ModuleType, name: str, changes: dict[str, str], **names: object) -> None:
    """Replace parts of a function's text, in a module that has these names besides its own.

    Raises
    ------
    EmulatorError
        If there is no such function, or one of the parts does not occur exactly once.
    """
    where = f"{owner.__name__}.{name}"
    function = getattr(owner, name, None)
    source = inspect.getsource(function) if function is not None else ""
    for old, new in changes.items():
        source = rewritten(source, old, new, where)
    vars(owner).update(names)
    exec(compile(source, inspect.getfile(owner), "exec"), vars(owner))  # noqa: S102


def speed_up(emulator: MiniStack) -> None:
    """Take out what a person would take for the system's own slowness: two fixed waits, and parsing again and again."""
    _start_executions_at_once(emulator.stepfunctions)
    _parse_expressions_once(emulator.stepfunctions)
    _end_logs_with_a_line(emulator.lambda_runtime)


def _start_executions_at_once(stepfunctions: ModuleType) -> None:
    """Without the 150 ms that every execution sleeps before its first state."""
    rewrite(stepfunctions, "_run_execution", {"    time.sleep(0.15)\n": ""})


def _parse_expressions_once(stepfunctions: ModuleType) -> None:
    """Without parsing a state machine's JSONata anew in each execution; evaluating leaves the parsed tree as it is."""
    parser = stepfunctions.jsonata.parser.Parser
    original = require(parser, "parse", "self", "jsonata", "regex_engine")

    @lru_cache(maxsize=4096)
    def parse_once(source: str, regex_engine: object) -> object:
        return original(parser(), source, regex_engine)

    def parse(_: object, source: str, regex_engine: object) -> object:
        return parse_once(source, regex_engine)

    replace(parser, "parse", parse)


def _end_logs_with_a_line(runtime: ModuleType) -> None:
    """Without the 50 ms that every call waits for a log that may not come.

    The worker marks the end of a call's log, so the emulator knows when it has all of it, and gives it to this call
    and not to the next.
    """
    end = f"sys.stderr.write({END_OF_LOG!r} + chr(10)); sys.stderr.flush()"
    script = runtime._PYTHON_WORKER_SCRIPT  # noqa: SLF001
    for status in ('{"status": "ok"', '{"status": "error", "error": str(e), "trace"'):
        old = f"            _real_stdout.write(json.dumps({status}"
        script = rewritten(script, old, f"            {end}\n{old}", "the Python worker's script")
    require(runtime.Worker, "_drain_stderr_bounded", "self", "first_line_wait", "idle_confirm", "hard_cap")
    vars(runtime)["_PYTHON_WORKER_SCRIPT"] = script
    replace(runtime.Worker, "_drain_stderr_bounded", _drain_stderr)


def _drain_stderr(worker: Any) -> str:  # noqa: ANN401 (a class of the emulator)
    lines: list[str] = []
    # Only a worker that died in the call leaves its log without an end.
    deadline = time.monotonic() + _LOG_TIMEOUT
    while (left := deadline - time.monotonic()) > 0:
        try:
            line: str = worker._stderr_queue.get(timeout=left)  # noqa: SLF001
        except queue.Empty:
            break
        if line.endswith(END_OF_LOG):
            lines.append(line.removesuffix(END_OF_LOG))
            break
        lines.append(line)
    return "\n".join(line for line in lines if line)


def send_workflow_writes_through_the_service(emulator: MiniStack) -> None:
    """Let `states:::dynamodb:*` tasks reach DynamoDB the way every other caller does.

    The emulator calls its DynamoDB functions from the execution's thread, beside the event loop that serializes all
    others: two conditional writes could both see the old item.
    """
    stepfunctions, app = emulator.stepfunctions, emulator.app
    require(stepfunctions, "_invoke_dynamodb", "op_name", "input_data")
    require(app, "call_service_handler_sync", "handler", "method", "path", "headers", "body", "query_params", "timeout")
    through_the_service = (
        "    from ministack import app\n"
        "    status, _, body = app.call_service_handler_sync(\n"
        "        app.SERVICE_HANDLERS['dynamodb'], 'POST', '/',\n"
        "        {'x-amz-target': f'DynamoDB_20120810.{op_name[0].upper()}{op_name[1:]}'},\n"
        "        json.dumps(input_data).encode(), {})\n"
    )
    rewrite(stepfunctions, "_invoke_dynamodb", {"    status, _, body = fn(input_data)\n": through_the_service})


def find_queues_by_name(emulator: MiniStack) -> None:
    """Let consumers find their queue after a start on other ports: its address has those that it was made on."""
    rewrite(
        emulator.lambda_service,
        "_poll_sqs",
        {
            "            queue_url = _sqs._queue_url(queue_name)\n": (
                "            queue_url = _sqs._queue_name_to_url.get(queue_name)\n"
            )
        },
    )


def switch_on_expiry(emulator: MiniStack) -> None:
    """Let a table's TimeToLiveSpecification take effect, which the emulator's CloudFormation leaves out."""
    dynamodb, handler = emulator.dynamodb, emulator.provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]  # noqa: SLF001
    create = require(emulator.provisioners, "_ddb_create", "logical_id", "props", "stack_name")
    update_ttl = require(dynamodb, "_update_ttl", "data")

    def create_with_expiry(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:  # noqa: ANN401 (its own)
        made = create(logical_id, props, stack_name)
        if specification := props.get("TimeToLiveSpecification"):
            enabled = str(specification["Enabled"]).lower() == "true"
            update_ttl({"TableName": made[0], "TimeToLiveSpecification": {**specification, "Enabled": enabled}})
        return made

    handler["create"] = create_with_expiry


def read_workflows_in_yaml(emulator: MiniStack) -> None:
    """Let CloudFormation take state machine definitions in YAML, as it does on AWS; the emulator reads JSON only."""
    provisioners = emulator.provisioners
    original = require(provisioners, "_sfn_definition", "props")

    def definition(props: dict[str, object]) -> str:
        text: str = original(props)
        return text if text.lstrip().startswith("{") else json.dumps(yaml.safe_load(text), default=str)

    replace(provisioners, "_sfn_definition", definition)
