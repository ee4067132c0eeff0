"""Step Functions as AWS has it: definitions in YAML, writes in turn with all others, and no fixed waits."""

import json
from functools import lru_cache
from types import ModuleType

import yaml

from local.emulator.loading import MiniStack
from local.emulator.patching import replace, require, rewrite

EXECUTIONS = 1000


def patch(emulator: MiniStack) -> None:
    """Take definitions in YAML, write to DynamoDB as every other caller does, start at once, keep newest executions.

    Raises
    ------
    EmulatorError
        If what this builds on is not there.
    """
    _start_executions_at_once(emulator.stepfunctions)
    _parse_expressions_once(emulator.stepfunctions)
    _send_writes_through_the_service(emulator)
    _read_definitions_in_yaml(emulator)
    _keep_newest_executions(emulator.stepfunctions)


def _start_executions_at_once(stepfunctions: ModuleType) -> None:
    """Remove the 150 ms that every execution sleeps before its first state."""
    rewrite(stepfunctions, "_run_execution", {"    time.sleep(0.15)\n": ""})


def _parse_expressions_once(stepfunctions: ModuleType) -> None:
    """Parse a state machine's JSONata once, not in each execution; evaluating it leaves the parsed tree as it is."""
    parser = stepfunctions.jsonata.parser.Parser
    original = require(parser, "parse", "self", "jsonata", "regex_engine")

    @lru_cache(maxsize=4096)
    def parse_once(source: str, regex_engine: object) -> object:
        return original(parser(), source, regex_engine)

    def parse(_: object, source: str, regex_engine: object) -> object:
        return parse_once(source, regex_engine)

    replace(parser, "parse", parse)


def _send_writes_through_the_service(emulator: MiniStack) -> None:
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


def _read_definitions_in_yaml(emulator: MiniStack) -> None:
    """Let CloudFormation take state machine definitions in YAML, as it does on AWS; the emulator reads JSON only."""
    provisioners = emulator.provisioners
    original = require(provisioners, "_sfn_definition", "props")

    def definition(props: dict[str, object]) -> str:
        text: str = original(props)
        return text if text.lstrip().startswith("{") else json.dumps(yaml.safe_load(text), default=str)

    replace(provisioners, "_sfn_definition", definition)


def _keep_newest_executions(stepfunctions: ModuleType) -> None:
    original = require(stepfunctions, "_run_execution", "exec_arn")

    def run(exec_arn: str) -> None:
        original(exec_arn)
        executions = stepfunctions._executions._data  # noqa: SLF001
        # One that still runs is newer than a thousand finished ones, or it may wait for days: keep it.
        finished = {key: None for key, value in list(executions.items()) if value.get("status") != "RUNNING"}
        for key in list(finished)[:-EXECUTIONS]:
            executions.pop(key, None)

    replace(stepfunctions, "_run_execution", run)
