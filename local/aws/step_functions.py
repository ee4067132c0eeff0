"""Step Functions as AWS has it: definitions in YAML, writes in turn with all others, and no fixed waits."""

import json
from functools import lru_cache
from types import ModuleType
from typing import Any

import yaml

from local.emulator.loading import MiniStack
from local.emulator.patching import replace, require, rewrite

EXECUTIONS = 1000


def patch(emulator: MiniStack) -> None:
    """Take definitions in YAML and types as the SDK names them, write as every other caller does, start at once.

    Raises
    ------
    EmulatorError
        If what this builds on is not there.
    """
    _start_executions_at_once(emulator.stepfunctions)
    _parse_expressions_once(emulator.stepfunctions)
    _send_writes_through_the_service(emulator)
    refuse_types_by_their_names_on_the_wire(emulator.stepfunctions)
    _read_definitions_in_yaml(emulator)
    _keep_newest_executions(emulator.stepfunctions)


def refuse_types_by_their_names_on_the_wire(stepfunctions: ModuleType) -> None:
    """Refuse `BOOL`, `NULL`, `SS`, `NS` and `BS` in an integration of the SDK, where AWS has `Bool`, `Nul`, `Ss` ...

    AWS: "The field "BOOL" is not supported by Step Functions". The emulator takes both names.
    """
    original = require(stepfunctions, "_sdk_json_param_value", "value", "shape")
    require(stepfunctions, "_api_name_to_sfn_key", "name")

    def renamed(value: Any, shape: Any) -> Any:  # noqa: ANN401 - any JSON value, and botocore's shapes
        if shape.name == "AttributeValue" and isinstance(value, dict):
            for name in value.keys() & shape.members.keys():
                if name != stepfunctions._api_name_to_sfn_key(name):  # noqa: SLF001
                    error, cause = "States.Runtime", f"The field '{name}' is not supported by Step Functions"
                    raise stepfunctions._ExecutionError(error, cause)  # noqa: SLF001
        return original(value, shape)

    replace(stepfunctions, "_sdk_json_param_value", renamed)


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
