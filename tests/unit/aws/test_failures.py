"""Which failures of AWS are transient, as botocore reads AWS's answers."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError

from ticketing.aws.failures import cause_of, is_transient

ANSWERS = [
    (503, "", True),  # a load balancer's
    (500, "InternalFailure", True),
    (500, "InternalServerError", True),
    (502, "<html>Bad Gateway</html>", True),
    (429, "TooManyRequestsException", True),
    (400, "RequestThrottled", True),
    (400, "RequestTimeout", True),
    (400, "Throttling", True),
    (400, "ThrottlingException", True),
    (400, "ValidationException", False),
    (400, "AccessDeniedException", False),
    (403, "", False),
    (404, "ResourceNotFoundException", False),
]


@pytest.mark.parametrize(
    ("service", "ask"),
    [
        ("cognito-idp", lambda client: client.list_user_pools(MaxResults=1)),
        ("dynamodb", lambda client: client.list_tables()),
        ("sqs", lambda client: client.list_queues()),
    ],
)
@pytest.mark.parametrize(("status", "code", "transient"), ANSWERS)
def test_a_failure_of_the_server_or_a_throttled_call_is_transient(
    service: str, ask: Callable[[Any], Any], status: int, code: str, *, transient: bool
) -> None:
    client: Any = boto3.client(service, config=Config(retries={"total_max_attempts": 1}))  # type: ignore[call-overload]
    body = json.dumps({"__type": code}) if code.isalpha() else code

    def answer(**_request: object) -> AWSResponse:
        raw: Any = SimpleNamespace(stream=lambda: [body.encode()])
        return AWSResponse("https://aws", status, HTTPHeaders(), raw)

    client.meta.events.register_first("before-send", answer)
    with pytest.raises(ClientError) as caught:
        ask(client)
    assert is_transient(caught.value) is transient
    if code.isalpha():
        assert cause_of(caught.value) == code
