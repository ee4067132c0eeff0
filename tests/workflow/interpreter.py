"""The emulator's interpreter and DynamoDB inside this process, so that a test can step between the two.

boto3 clients reach them without a socket. What happens around a call to DynamoDB is scripted: an error instead of the
call, an error after it, or somebody else's write before it.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from ministack import app
from ministack.services import stepfunctions as interpreter

from local.aws.step_functions import refuse_types_by_their_names_on_the_wire
from tests.workflow.machine import Machine, substituted

READ, WRITE, INVOKE = "getItem", "transactWriteItems", "invoke"
TABLE = "tickets-with-faults"

Call = Callable[[], Any]
Fault = Callable[[Call], Any]
"""What happens instead of a call to DynamoDB; it may make the call."""


def failing(error: str, cause: str = "") -> Fault:
    """DynamoDB does not do it, and says so."""

    def fault(_call: Call) -> Any:
        raise interpreter._ExecutionError(error, cause)

    return fault


def cancelled(*reasons: str) -> Fault:
    """DynamoDB cancels the transaction for reasons that cannot be brought about in an emulator."""
    listed = ", ".join(reasons)
    return failing(
        "DynamoDb.TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{listed}] "
        "(Service: DynamoDb, Status Code: 400, Request ID: 5A1C)",
    )


def answer_lost(error: str) -> Fault:
    """DynamoDB does it, but the answer does not arrive."""

    def fault(call: Call) -> Any:
        call()
        raise interpreter._ExecutionError(error, "")

    return fault


def after(action: Callable[[], object]) -> Fault:
    """Somebody else does something first."""

    def fault(call: Call) -> Any:
        action()
        return call()

    return fault


@dataclass
class Script:
    """What happens at the coming calls to DynamoDB, and what was seen of those that were made."""

    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    requests: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    waits: list[float] = field(default_factory=list)
    assigned: list[dict[str, Any]] = field(default_factory=list)


def follow(script: Script, patch: pytest.MonkeyPatch) -> None:
    """Let the interpreter follow the script until the patch is undone; it does not really wait meanwhile."""
    invoke, assign = interpreter._invoke_resource, interpreter._apply_state_assign

    def scripted(resource: str, arguments: Any) -> Any:
        action = resource.rpartition(":")[2]
        script.requests[action].append(json.loads(json.dumps(arguments)))
        coming = script.faults[action]
        fault = coming.pop(0) if coming else lambda call: call()
        return fault(lambda: invoke(resource, arguments))

    def watched(state: Any, state_input: Any, context: Any, **rest: Any) -> None:
        assign(state, state_input, context, **rest)
        script.assigned.append({name: context["variables"][name] for name in state.get("Assign", {})})

    patch.setattr(interpreter, "_invoke_resource", scripted)
    patch.setattr(interpreter, "_apply_state_assign", watched)
    patch.setattr(interpreter, "_scaled_sleep", script.waits.append)
    # Without this, each execution sleeps 150 ms before its first state.
    patch.setattr(interpreter, "time", SimpleNamespace(**vars(time) | {"sleep": lambda _seconds: None}))


def _client(service: str, handler: str) -> Any:
    client = boto3.client(
        service,  # type: ignore[call-overload]
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(inject_host_prefix=False),
    )

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        call = app.SERVICE_HANDLERS[handler]("POST", "/", headers, request.body, {})
        status, answer_headers, body = asyncio.run(call)
        return AWSResponse(request.url, status, answer_headers, _Body(body))

    client.meta.events.register(f"before-send.{service}", answer)
    return client


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


class _Body:
    """What botocore reads an answer from."""

    def __init__(self, content: bytes | str) -> None:
        self._content = content.encode() if isinstance(content, str) else content

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self._content


def start() -> Machine:
    """Make a table and the state machine that works on it, in this process."""
    refuse_types_by_their_names_on_the_wire(interpreter)
    dynamodb, stepfunctions = _client("dynamodb", "dynamodb"), _client("stepfunctions", "states")
    keys = {"PK": "HASH", "SK": "RANGE"}
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
    )
    created = stepfunctions.create_state_machine(
        name=TABLE, type="EXPRESS", definition=substituted(TABLE), roleArn="arn:aws:iam::000000000000:role/lifecycle"
    )
    return Machine(dynamodb, stepfunctions, TABLE, created["stateMachineArn"])
