"""The frame around the operations: what callers learn of a failure, and what the log and the metrics hold."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from botocore.stub import Stubber
from mypy_boto3_dynamodb import DynamoDBClient

from functions.tickets import create_ticket, get_ticket, list_tickets, update_ticket
from tests.unit.support import (
    AGENT,
    AGENT_ID,
    REPORTER,
    REQUEST_ID,
    TICKET_ID,
    Answer,
    a_ticket,
    api_event,
    as_item,
    send,
    stored,
)
from ticketing import aws
from ticketing.errors import ApiError, BadRequestError, PreconditionFailedError
from ticketing.frame import Response, endpoint
from ticketing.permissions import Operation
from ticketing.request import Request

type Log = Callable[[], list[dict[str, Any]]]

INTERNAL = {
    "code": "internal_server_error",
    "message": "Something went wrong on our side. Quote the request id when you report it.",
    "requestId": REQUEST_ID,
}


def answered(outcome: Response | Exception, **event: Any) -> Answer:
    """Return what the frame makes of an operation that returns or raises this."""

    @endpoint(Operation.GET_TICKET)
    def handler(_request: Request) -> Response:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return send(handler, api_event("GET", f"/v1/tickets/{TICKET_ID}", **event))


def refusal(code: str) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "table secret-table, key TENANT#acme"}}, "TransactWriteItems"
    )


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(RuntimeError("secret-detail at /var/task/handler.py"), id="RuntimeError"),
        pytest.param(KeyError("secret-detail"), id="KeyError"),
        pytest.param(RecursionError("secret-detail"), id="RecursionError"),
        pytest.param(MemoryError(), id="MemoryError"),
        pytest.param(UnicodeDecodeError("utf-8", b"secret-detail", 0, 1, "secret-detail"), id="UnicodeDecodeError"),
        pytest.param(refusal("ValidationException"), id="a request that DynamoDB finds wrong"),
        pytest.param(refusal("AccessDeniedException"), id="a policy too narrow"),
        pytest.param(refusal("ResourceNotFoundException"), id="no table"),
        pytest.param(refusal("TransactionCanceledException"), id="a transaction that trying again will not help"),
    ],
)
def test_what_nobody_foresaw_is_500_and_tells_nothing(log: Log, error: Exception) -> None:
    answer = answered(error)
    assert (answer.status, answer.json) == (500, INTERNAL)
    assert set(answer.headers) == {"Cache-Control", "Content-Type", "Vary"}
    failure = next(line for line in log() if line["level"] == "ERROR")
    assert failure["exception_name"] == type(error).__name__
    assert failure["requestId"] == REQUEST_ID


@pytest.mark.parametrize(
    "code",
    [
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionInProgressException",
    ],
)
def test_aws_being_busy_is_503_with_a_time_to_wait(code: str) -> None:
    answer = answered(refusal(code))
    assert answer.error == (503, "service_unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert "secret" not in answer.text
    assert "acme" not in answer.text


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url="https://secret"),
        ConnectTimeoutError(endpoint_url="https://secret"),
        EndpointConnectionError(endpoint_url="https://secret"),
        ConnectionClosedError(endpoint_url="https://secret"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_aws_not_answering_is_503(error: Exception) -> None:
    answer = answered(error)
    assert (answer.error, answer.headers["Retry-After"]) == ((503, "service_unavailable"), "1")
    assert "secret" not in answer.text


@pytest.mark.parametrize("reason", ["ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_was_throttled_is_503(dynamodb: DynamoDBClient, reason: str) -> None:
    ticket = stored(dynamodb, a_ticket())
    with Stubber(dynamodb) as stubber:
        stubber.add_response("get_item", {"Item": as_item(ticket)})
        stubber.add_client_error(
            "transact_write_items",
            "TransactionCanceledException",
            modeled_fields={"CancellationReasons": [{"Code": reason}, {"Code": "None"}]},
        )
        event = api_event("PATCH", f"/v1/tickets/{TICKET_ID}", body={"title": "New"})
        answer = send(update_ticket.handler, event)
    assert (answer.error, answer.headers["Retry-After"]) == ((503, "service_unavailable"), "1")


def test_a_read_that_was_throttled_is_503() -> None:
    with Stubber(aws.dynamodb()) as stubber:
        stubber.add_client_error("query", "ThrottlingException")
        answer = send(list_tickets.handler, api_event("GET", "/v1/tickets"))
    assert answer.error == (503, "service_unavailable")


def test_a_read_that_timed_out_is_503() -> None:
    def time_out(**_kwargs: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    aws.dynamodb().meta.events.register("before-call.dynamodb.GetItem", time_out)
    assert send(get_ticket.handler, api_event("GET", f"/v1/tickets/{TICKET_ID}")).error == (503, "service_unavailable")


def test_a_stored_ticket_that_makes_no_sense_is_500_not_400() -> None:
    with Stubber(aws.dynamodb()) as stubber:
        stubber.add_response("get_item", {"Item": as_item(a_ticket()) | {"status": {"S": "LOST"}}})
        answer = send(get_ticket.handler, api_event("GET", f"/v1/tickets/{TICKET_ID}"))
    assert (answer.status, answer.json) == (500, INTERNAL)


def test_details_are_there_only_where_there_are_any() -> None:
    with_details = answered(BadRequestError("No.", ["title: too long"])).json
    assert with_details == {
        "code": "bad_request",
        "message": "No.",
        "requestId": REQUEST_ID,
        "details": ["title: too long"],
    }
    assert "details" not in answered(PreconditionFailedError()).json


def test_every_error_of_the_contract_has_its_status() -> None:
    kinds = {kind.code: kind.status for kind in ApiError.__subclasses__()}
    assert kinds == {
        "internal_server_error": 500,
        "bad_request": 400,
        "unauthorized": 401,
        "forbidden": 403,
        "ticket_not_found": 404,
        "transition_not_allowed": 409,
        "conflict": 409,
        "precondition_failed": 412,
        "payload_too_large": 413,
        "unsupported_media_type": 415,
        "transition_requirement_missing": 422,
        "idempotency_key_reused": 422,
        "service_unavailable": 503,
    }


def test_a_body_is_utf_8_and_compact() -> None:
    assert answered(Response(200, {"title": "Füße 🎫", "tags": []})).text == '{"title":"Füße 🎫","tags":[]}'


def test_an_empty_list_is_a_body_and_none_is_not() -> None:
    assert answered(Response(200, [])).text == "[]"
    assert answered(Response(204)).text == ""


# --- the log ---------------------------------------------------------------------------------------------------------


def test_one_line_per_request_tells_who_did_what(log: Log) -> None:
    answered(Response(200, {}), caller=AGENT)
    (line,) = log()
    assert isinstance(line.pop("ms"), float)
    assert {name: line[name] for name in line if name not in {"location", "timestamp", "xray_trace_id"}} == {
        "level": "INFO",
        "service": "tickets",
        "message": "getTicket",
        "operation": "getTicket",
        "requestId": REQUEST_ID,
        "functionRequestId": "c7b1a7de-lambda",
        "tenantId": "acme",
        "userId": AGENT_ID,
        "role": "agent",
        "status": 200,
    }


def test_a_refusal_is_logged_with_its_code_and_without_a_trace(log: Log) -> None:
    answered(PreconditionFailedError())
    (line,) = log()
    assert (line["level"], line["status"], line["code"]) == ("INFO", 412, "precondition_failed")
    assert "exception" not in line


def test_a_request_without_a_caller_is_logged_too(log: Log) -> None:
    answered(Response(200), caller=None)
    (line,) = log()
    assert (line["status"], line["code"]) == (401, "unauthorized")
    assert "tenantId" not in line


def test_one_requests_caller_is_not_in_the_nexts_line(log: Log) -> None:
    answered(Response(200), caller=AGENT)
    answered(Response(200), caller=None)
    assert "userId" not in log()[1]


@pytest.mark.usefixtures("dynamodb")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"title": "my-secret", "description": "my-secret", "tags": ["my-secret"]}, 201, id="taken"),
        pytest.param({"title": "my-secret", "description": "my-secret", "reporterId": "my-secret"}, 400, id="refused"),
        pytest.param({"title": "my-secret", "description": "my-secret" * 1200}, 400, id="too long"),
        pytest.param('{"title": "my-secret', 400, id="malformed"),
    ],
)
def test_no_token_and_no_text_is_logged(log: Log, capsys: pytest.CaptureFixture[str], body: Any, status: int) -> None:
    headers = {"Idempotency-Key": "my-secret-key"}
    answer = send(create_ticket.handler, api_event("POST", "/v1/tickets", caller=REPORTER, body=body, headers=headers))
    assert answer.status == status
    written = json.dumps(log()) + "".join(capsys.readouterr())
    assert "createTicket" in written
    assert "my-secret" not in written
    assert "secret.token.text" not in written


def test_a_failure_of_aws_does_not_log_the_text_either(log: Log) -> None:
    with Stubber(aws.dynamodb()) as stubber:
        stubber.add_response("update_item", {"Attributes": {"lastNumber": {"N": "1"}}})
        stubber.add_client_error("transact_write_items", "ThrottlingException")
        body = {"title": "my-secret", "description": "my-secret"}
        answer = send(create_ticket.handler, api_event("POST", "/v1/tickets", caller=REPORTER, body=body))
    assert answer.status == 503
    assert "my-secret" not in json.dumps(log())


# --- metrics ---------------------------------------------------------------------------------------------------------


def metrics(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    ("outcome", "counted"),
    [
        (Response(200), "ok"),
        (PreconditionFailedError(), "precondition_failed"),
        (KeyError("x"), "internal_server_error"),
    ],
    ids=["ok", "refused", "failed"],
)
def test_each_request_is_counted_by_its_outcome(
    capsys: pytest.CaptureFixture[str], outcome: Response | Exception, counted: str
) -> None:
    answered(outcome)
    (line,) = metrics(capsys)
    emf = line.pop("_aws")
    assert line == {"service": "tickets", "operation": "getTicket", "outcome": counted, "Requests": [1.0]}
    (directive,) = emf["CloudWatchMetrics"]
    assert directive["Namespace"] == "TicketSystem"
    assert [set(dimensions) for dimensions in directive["Dimensions"]] == [{"service", "operation", "outcome"}]
    assert directive["Metrics"] == [{"Name": "Requests", "Unit": "Count"}]
    assert isinstance(emf["Timestamp"], int)


@pytest.mark.usefixtures("log")
def test_a_count_does_not_carry_over_to_the_next_request(capsys: pytest.CaptureFixture[str]) -> None:
    for outcome in (KeyError("x"), Response(200), Response(200)):
        answered(outcome)
    lines = metrics(capsys)
    assert [line["outcome"] for line in lines] == ["internal_server_error", "ok", "ok"]
    assert [line["Requests"] for line in lines] == [[1.0], [1.0], [1.0]]
