"""Calls to the running emulator, without an SDK: importing one takes longer than the call."""

import http.client
import json
from typing import Any

from local.settings import LOOPBACK, REGION

COGNITO = "AWSCognitoIdentityProviderService"


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
    connection = http.client.HTTPConnection(LOOPBACK, aws_port, timeout=30)
    try:
        service = "cognito-idp" if target == COGNITO else "dynamodb"
        connection.request(
            "POST",
            "/",
            json.dumps(parameters),
            {
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": f"{target}.{action}",
                "Authorization": f"AWS4-HMAC-SHA256 Credential=local/20260101/{REGION}/{service}/aws4_request",
            },
        )
        response = connection.getresponse()
        content: dict[str, Any] = json.loads(response.read() or b"{}")
    finally:
        connection.close()
    if response.status >= http.client.BAD_REQUEST:
        code = str(content.get("__type", response.status)).rpartition("#")[2]
        raise CallError(code, str(content.get("message") or content.get("Message") or ""))
    return content
