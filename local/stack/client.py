"""A client of the running emulator without an SDK: importing one takes longer than the call."""

import http.client
import json
from typing import Any

from local.settings import LOOPBACK, REGION

COGNITO = "AWSCognitoIdentityProviderService"
DYNAMODB = "DynamoDB_20120810"
# Longer than any function may run that is called here.
_TIMEOUT_SECONDS = 60.0


class CallError(RuntimeError):
    """AWS refused a call; `code` is the error's name."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


def call(aws_port: int, target: str, action: str, parameters: dict[str, object]) -> dict[str, Any]:
    """Make one call of a service with the JSON protocol.

    Raises
    ------
    CallError
        If the service refuses the call.
    OSError
        If nothing listens on the port.
    """
    service = "cognito-idp" if target == COGNITO else "dynamodb"
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{target}.{action}"}
    status, _, content = _post(aws_port, "/", service, parameters, headers)
    if status >= http.client.BAD_REQUEST:
        code = str(content.get("__type", status)).rpartition("#")[2]
        raise CallError(code, str(content.get("message") or content.get("Message") or ""))
    return content


def invoke(aws_port: int, function: str, event: dict[str, object]) -> dict[str, Any]:
    """Call a function, wait for its end and return its answer.

    Raises
    ------
    CallError
        If the function fails; the text has its error.
    OSError
        If nothing listens on the port.
    """
    path = f"/2015-03-31/functions/{function}/invocations"
    status, failure, content = _post(aws_port, path, "lambda", event, {"Content-Type": "application/json"})
    if status >= http.client.BAD_REQUEST or failure:
        raise CallError(failure or str(status), f"{function} answers {json.dumps(content)}")
    return content


def _post(
    aws_port: int, path: str, service: str, parameters: dict[str, object], headers: dict[str, str]
) -> tuple[int, str | None, dict[str, Any]]:
    """Return the status, what kind of failure a function says it is, and the content."""
    credential = f"AWS4-HMAC-SHA256 Credential=local/20260101/{REGION}/{service}/aws4_request"
    connection = http.client.HTTPConnection(LOOPBACK, aws_port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("POST", path, json.dumps(parameters), {**headers, "Authorization": credential})
        response = connection.getresponse()
        content: dict[str, Any] = json.loads(response.read() or b"{}")
        return response.status, response.getheader("X-Amz-Function-Error"), content
    finally:
        connection.close()
