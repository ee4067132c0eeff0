"""Recording the AWS calls of functions and state machines: a test compares them with their policies (least privilege).

The emulator does not check policies; AWS does. Switched on by LOCAL_RECORD_CALLS.
"""

import json
import math
from base64 import urlsafe_b64decode
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from local.aws.iam import Access, ObjectCalls, dynamodb_accesses
from local.emulator.calls import Response, action_of
from local.emulator.loading import MiniStack
from local.emulator.patching import replace, require
from local.settings import ACCOUNT_ID, REGION
from local.watch.principals import Principals

_TABLE_ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{{}}"
_EXECUTE_API_ARN = f"arn:aws:execute-api:{REGION}:{ACCOUNT_ID}"
# Where the JSON protocols name what a call is about, and what its ARN is.
_RESOURCES = {
    "stateMachineArn": "{}",
    "UserPoolId": f"arn:aws:cognito-idp:{REGION}:{ACCOUNT_ID}:userpool/{{}}",
}
_READ_UNIT_BYTES = 4096


_machine: ContextVar[str] = ContextVar("machine", default="")


def _items(action: str, request: dict[str, Any]) -> list[Access]:
    return dynamodb_accesses(action, request, _TABLE_ARN)


def _streams(action: str, request: dict[str, Any]) -> list[Access]:
    """Return an access of a stream, which is named by itself or within an iterator of the emulator's."""
    iterator = json.loads(urlsafe_b64decode(request.get("ShardIterator", "e30=")))
    return [{"action": f"dynamodb:{action}", "resource": iterator.get("arn") or request.get("StreamArn", "*")}]


def _buses(action: str, request: dict[str, Any]) -> list[Access]:
    bus = f"arn:aws:events:{REGION}:{ACCOUNT_ID}:event-bus/{{}}"
    return [
        {"action": f"events:{action}", "resource": bus.format(entry["EventBusName"]), "source": entry["Source"]}
        for entry in request["Entries"]
    ]


def _queues(action: str, request: dict[str, Any]) -> list[Access]:
    """Return an access of a queue; batches are not actions of their own."""
    queue = request["QueueUrl"].rpartition("/")[2]
    single = action.removesuffix("Batch")
    return [{"action": f"sqs:{single}", "resource": f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{queue}"}]


def _mails(_action: str, request: dict[str, Any]) -> list[Access]:
    """Return the accesses of sending a mail by a template: SES asks for both actions on all that it takes."""
    sender, template = request["FromEmailAddress"], request["Content"]["Template"]["TemplateName"]
    named = (f"identity/{sender}", f"template/{template}", f"configuration-set/{request['ConfigurationSetName']}")
    return [
        {"action": f"ses:{action}", "resource": f"arn:aws:ses:{REGION}:{ACCOUNT_ID}:{each}", "sender": sender}
        for action in ("SendEmail", "SendTemplatedEmail")
        for each in named
    ]


_ACCESSES = {"dynamodb": _items, "dynamodbstreams": _streams, "events": _buses, "sesv2": _mails, "sqs": _queues}


class Recorder:
    """Appends one JSON line per call to a file."""

    def __init__(self, emulator: MiniStack, path: Path, principals: Principals) -> None:
        self._emulator = emulator
        self._size_of = require(emulator.dynamodb, "_item_size_bytes", "item")
        self._principals = principals
        self._object_calls = ObjectCalls(emulator)
        self._file = path.open("a", buffering=1)

    def install(self) -> None:
        """Watch the calls of functions and state machines; call before the emulator starts.

        Raises
        ------
        EmulatorError
            If what is hooked into is not there.
        """
        self._record_state_machines()
        handlers = self._emulator.app.SERVICE_HANDLERS
        for service, handler in list(handlers.items()):
            handlers[service] = self._recording(service, handler)
        mails = self._emulator.ses_v2  # which is called beside the table of services
        send = require(mails, "handle_request", "method", "path", "headers", "body", "query_params")
        replace(mails, "handle_request", self._recording("sesv2", send))
        self._record_connections()

    def _record_connections(self) -> None:
        """Record posts to WebSocket connections, which do not go through the table of services."""
        apigateway = self._emulator.apigateway_v2
        parameters = ("method", "api_id", "stage", "connection_id", "body", "headers")
        original = require(apigateway, "handle_connections_api", *parameters)

        async def handle(  # noqa: PLR0913, PLR0917 (the emulator's signature)
            method: str, api_id: str, stage: str, connection_id: str, body: bytes, headers: dict[str, str]
        ) -> Response:
            principal, _ = self._principals.of(headers, {})
            if principal is not None:
                resource = f"{_EXECUTE_API_ARN}:{api_id}/{stage}/{method}/@connections/{connection_id}"
                access: Access = {"action": "execute-api:ManageConnections", "resource": resource}
                self._write(principal, "execute-api", f"{method} @connections", accesses=[access])
            response: Response = await original(method, api_id, stage, connection_id, body, headers)
            return response

        replace(apigateway, "handle_connections_api", handle)

    def _record_state_machines(self) -> None:
        stepfunctions = self._emulator.stepfunctions
        original = require(stepfunctions, "_run_execution", "exec_arn")

        def run(exec_arn: str) -> None:
            # arn:aws:states:region:account:execution:machine:name
            token = _machine.set(exec_arn.split(":")[6])
            try:
                original(exec_arn)
            finally:
                _machine.reset(token)

        replace(stepfunctions, "_run_execution", run)
        call_function = require(stepfunctions, "_call_lambda", "func_ref", "event")

        def call_and_record(func_ref: str, event: object) -> object:
            # Beside the service, unlike all other calls.
            principal = self._principals.named(_machine.get())
            if principal is not None:
                access: Access = {"action": "lambda:InvokeFunction", "resource": func_ref}
                self._write(principal, "lambda", "Invoke", accesses=[access])
            return call_function(func_ref, event)

        replace(stepfunctions, "_call_lambda", call_and_record)

    def _recording(self, service: str, handler: Any) -> Any:  # noqa: ANN401 (handlers of the emulator)
        async def handle(
            method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, list[str]]
        ) -> Response:
            principal, session = self._principals.of(headers, query_params)
            if machine := _machine.get():
                principal = self._principals.named(machine)
            if principal is not None and service == "dynamodb":
                body = json.dumps({"ReturnConsumedCapacity": "TOTAL", **json.loads(body or b"{}")}).encode()
            response: Response = await handler(method, path, headers, body, query_params)
            if principal is None:
                return response
            if service == "s3":  # whose bodies may be anything
                action = self._object_calls.action(method, path, query_params)
                accesses = self._object_calls.accesses(method, path, headers, body, query_params)
            else:
                action = action_of(headers, body, query_params) or f"{method} {path}"
                accesses = self._accesses(service, method, path, headers, body)
            self._write(
                principal,
                service,
                action,
                accesses=accesses,
                session=session,
                capacity=self._capacity(action, body, response[2]) if service == "dynamodb" else 0.0,
            )
            return response

        return handle

    def _write(  # noqa: PLR0913 (the fields of a line)
        self,
        principal: str,
        service: str,
        action: str,
        *,
        accesses: list[Access],
        session: bool = False,
        capacity: float = 0.0,
    ) -> None:
        """Write a line: the principal, its call, whether by a session's credentials, and what IAM checks."""
        line = {
            "principal": principal,
            "service": service,
            "action": action,
            "session": session,
            "accesses": accesses,
            "capacity": capacity,
        }
        self._file.write(json.dumps(line) + "\n")

    def _capacity(self, action: str, body: bytes, answer: bytes | str) -> float:
        """Return the capacity units of a call, as DynamoDB reports them."""
        result = json.loads(answer)
        if action == "Query" and result.get("Items"):
            # The emulator reports every query as one of 4 KB. The rule: a unit for each 4 KB begun, half of one where
            # the read may be late.
            size = int(sum(self._size_of(item) for item in result["Items"]))
            return math.ceil(size / _READ_UNIT_BYTES) * (1.0 if json.loads(body).get("ConsistentRead") else 0.5)
        consumed = result.get("ConsumedCapacity", [])
        tables = [consumed] if isinstance(consumed, dict) else consumed
        return float(sum(table["CapacityUnits"] for table in tables))

    @staticmethod
    def _accesses(service: str, method: str, path: str, headers: dict[str, str], body: bytes) -> list[Access]:
        action = action_of(headers, body, {})
        if service == "apigateway":  # whose actions are the methods of HTTP
            return [{"action": f"apigateway:{method}", "resource": f"arn:aws:apigateway:{REGION}::{path}"}]
        if service == "guardduty":  # of which functions make one call
            return [{"action": "guardduty:SendObjectMalwareScan", "resource": "*"}]
        if service == "sts":
            return [{"action": f"sts:{action}", "resource": parse_qs(body.decode()).get("RoleArn", ["*"])[0]}]
        request = json.loads(body or b"{}")
        if service in _ACCESSES:
            return _ACCESSES[service](action, request)
        resource = next((arn.format(request[field]) for field, arn in _RESOURCES.items() if field in request), "*")
        return [{"action": f"{service}:{action}", "resource": resource}]


def record_calls(emulator: MiniStack, path: Path, principals: Principals) -> None:
    """Record the calls of the functions and state machines from now on."""
    Recorder(emulator, path, principals).install()
