"""The frame around the operations: what callers learn of a failure, and what the log and the metrics hold."""

import json
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
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
    ADMIN,
    AGENT,
    AGENT_ID,
    NEWCOMER,
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
from ticketing.access.identity import Caller
from ticketing.access.permissions import Operation, Relation
from ticketing.access.roles import Role
from ticketing.api.frame import Response, endpoint
from ticketing.api.request import Request
from ticketing.aws import clients
from ticketing.errors import ApiError, BadRequestError, PreconditionFailedError
from ticketing.tickets.errors import TicketNotFoundError
from ticketing.tickets.rules import check_ticket

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
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
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
    with Stubber(clients.dynamodb()) as stubber:
        stubber.add_client_error("query", "ThrottlingException")
        answer = send(list_tickets.handler, api_event("GET", "/v1/tickets"))
    assert answer.error == (503, "service_unavailable")


def test_a_read_that_timed_out_is_503() -> None:
    def time_out(**_kwargs: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    clients.dynamodb().meta.events.register("before-call.dynamodb.GetItem", time_out)
    assert send(get_ticket.handler, api_event("GET", f"/v1/tickets/{TICKET_ID}")).error == (503, "service_unavailable")


def test_a_stored_ticket_that_makes_no_sense_is_damaged_and_not_a_bad_request() -> None:
    with Stubber(clients.dynamodb()) as stubber:
        stubber.add_response("get_item", {"Item": as_item(a_ticket()) | {"status": {"S": "LOST"}}})
        answer = send(get_ticket.handler, api_event("GET", f"/v1/tickets/{TICKET_ID}"))
    assert answer.error == (500, "damaged_item")


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
    for service in (
        "analytics",
        "tickets",
        "attachments",
        "calendars",
        "comments",
        "search",
        "users",
        "views",
        "webhooks",
    ):
        import_module(f"ticketing.{service}.errors")
    # Those of the WebSocket API alone are not in the contract.
    of_the_contract = [kind for kind in ApiError.__subclasses__() if kind.__module__ != "ticketing.live.errors"]
    kinds = {kind.code: kind.status for kind in of_the_contract}
    assert kinds == {
        "internal_server_error": 500,
        "damaged_item": 500,
        "bad_request": 400,
        "unauthorized": 401,
        "forbidden": 403,
        "ticket_not_found": 404,
        "comment_not_found": 404,
        "attachment_not_found": 404,
        "user_not_found": 404,
        "tenant_not_found": 404,
        "api_key_not_found": 404,
        "invitation_not_found": 404,
        "deletion_not_found": 404,
        "webhook_not_found": 404,
        "delivery_not_found": 404,
        "view_not_found": 404,
        "calendar_not_found": 404,
        "report_not_found": 404,
        "user_exists": 409,
        "tenant_name_taken": 409,
        "last_admin": 409,
        "too_many_webhooks": 409,
        "too_many_views": 409,
        "view_name_taken": 409,
        "calendar_name_taken": 409,
        "calendar_is_default": 409,
        "too_many_calendars": 409,
        "webhook_inactive": 409,
        "transition_not_allowed": 409,
        "ticket_closed": 409,
        "attachment_not_ready": 409,
        "attachment_rejected": 409,
        "attachment_limit_reached": 409,
        "attachment_storage_full": 409,
        "conflict": 409,
        "precondition_failed": 412,
        "payload_too_large": 413,
        "unsupported_media_type": 415,
        "transition_requirement_missing": 422,
        "idempotency_key_reused": 422,
        "invalid_reference": 422,
        "email_domain_not_allowed": 422,
        "webhook_target_not_allowed": 422,
        "too_many_requests": 429,
        "invited_recently": 429,
        "too_many_invitations": 429,
        "service_unavailable": 503,
    }


def test_a_body_is_utf_8_and_compact() -> None:
    assert answered(Response(200, {"title": "Füße 🎫", "tags": []})).text == '{"title":"Füße 🎫","tags":[]}'


def test_an_empty_list_is_a_body_and_none_is_not() -> None:
    assert answered(Response(200, [])).text == "[]"
    assert answered(Response(204)).text == ""


# --- what is granted -------------------------------------------------------------------------------------------------


def looked(operation: Operation, caller: Caller, look: Callable[[Request], object]) -> Answer:
    """Return what the frame makes of an operation that asks this of its request and then answers."""

    @endpoint(operation)
    def handler(request: Request) -> Response:
        look(request)
        return Response(200, {"title": "my-secret"}, etag=1, headers={"X-Title": "my-secret"})

    return send(handler, api_event("GET", "/v1/x", caller=caller))


LOOKS: dict[str, Callable[[Request], object]] = {
    "only_own": lambda request: request.grant.only_own,
    "covers": lambda request: request.grant.covers({Relation.OWN}),
    "check_ticket": lambda request: check_ticket(request.grant, a_ticket()),
    "leave_to_the_state_machine": lambda request: request.grant.leave_to_the_state_machine(),
}


def test_the_answer_of_a_handler_that_forgets_to_look_is_kept_back(log: Log) -> None:
    answer = looked(Operation.GET_TICKET, REPORTER, lambda request: (request.caller, request.grant.everything))
    assert (answer.status, answer.json) == (500, INTERNAL)
    assert "my-secret" not in answer.text + str(answer.headers)
    failure = next(line for line in log() if line["level"] == "ERROR")
    assert "getTicket did not check its grant" in failure["exception"]


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_the_answer_of_a_handler_that_looked_goes_out(look: Callable[[Request], object]) -> None:
    assert looked(Operation.GET_TICKET, REPORTER, look).status == 200


@pytest.mark.parametrize("caller", [AGENT, ADMIN], ids=["agent", "admin"])
def test_there_is_nothing_to_look_at_for_a_caller_who_may_do_it_to_everything(caller: Caller) -> None:
    assert looked(Operation.GET_TICKET, caller, lambda _: None).status == 200


def test_a_look_in_one_request_is_none_in_the_next() -> None:
    asks = iter([True, False])

    @endpoint(Operation.GET_TICKET)
    def handler(request: Request) -> Response:
        return Response(200, next(asks) and request.grant.only_own)

    event = api_event("GET", "/v1/x", caller=REPORTER)
    assert [send(handler, event).status for _ in range(2)] == [200, 500]


def test_a_refusal_needs_no_look() -> None:
    assert answered(TicketNotFoundError(), caller=REPORTER).error == (404, "ticket_not_found")


def never(_request: Request) -> Response:
    pytest.fail("the operation was reached")


@pytest.mark.parametrize(
    ("operation", "caller"),
    [
        pytest.param(Operation.DELETE_TICKET, REPORTER, id="reporter"),
        pytest.param(Operation.DELETE_TICKET, AGENT, id="agent"),
        pytest.param(Operation.CREATE_TENANT, ADMIN, id="admin makes a tenant"),
        pytest.param(Operation.GET_TICKET, NEWCOMER, id="newcomer"),
        pytest.param(Operation.DELETE_TENANT, replace(ADMIN, is_api_key=True), id="an admin's API key"),
        pytest.param(Operation.CREATE_API_KEY, replace(ADMIN, is_api_key=True), id="an API key makes another"),
    ],
)
def test_the_role_is_looked_at_before_anything_else(operation: Operation, caller: Caller) -> None:
    event = api_event("DELETE", "/v1/tickets/nonsense?no=such", caller=caller, body="{")
    assert send(endpoint(operation)(never), event).error == (403, "forbidden")


@pytest.mark.parametrize(
    "authorizer",
    [
        pytest.param({"userId": AGENT_ID, "tenantId": "acme", "role": "system"}, id="the backend's own role"),
        pytest.param({"userId": AGENT_ID, "tenantId": "acme", "role": "newcomer"}, id="a newcomer of a tenant"),
        pytest.param({"tenantId": "", "role": "newcomer"}, id="a newcomer who is nobody"),
        pytest.param({"userId": AGENT_ID, "tenantId": "", "role": "admin"}, id="an admin of no tenant"),
        pytest.param({"userId": AGENT_ID, "tenantId": "acme#", "role": "admin"}, id="a tenant that is no id"),
    ],
)
def test_who_can_not_be_is_401(authorizer: dict[str, str]) -> None:
    event = api_event("GET", "/v1/x")
    event["requestContext"]["authorizer"] = authorizer
    assert send(endpoint(Operation.GET_ME)(never), event).error == (401, "unauthorized")


@pytest.mark.usefixtures("dynamodb")
def test_a_newcomer_is_somebody_of_no_tenant(log: Log) -> None:
    seen: list[Caller] = []

    def look(request: Request) -> None:
        seen.append(request.caller)
        assert request.grant.only_own

    assert looked(Operation.CREATE_TENANT, NEWCOMER, look).status == 200
    assert seen == [Caller(NEWCOMER.user_id, "", Role.NEWCOMER)]
    (line,) = log()
    assert (line["userId"], line["role"]) == (NEWCOMER.user_id, "newcomer")


@pytest.mark.parametrize(
    ("kind", "is_api_key"), [("API_KEY", True), ("PERSON", False), (None, False)], ids=["key", "person", "not said"]
)
def test_an_api_key_is_known_by_what_the_authorizer_says(kind: str | None, *, is_api_key: bool) -> None:
    event = api_event("GET", "/v1/x")
    event["requestContext"]["authorizer"] |= {"kind": kind}
    seen = []

    @endpoint(Operation.GET_TICKET)
    def handler(request: Request) -> Response:
        seen.append(request.caller.is_api_key)
        return Response(200)

    assert send(handler, event).status == 200
    assert seen == [is_api_key]


# --- the log ---------------------------------------------------------------------------------------------------------


def test_one_line_per_request_tells_who_did_what(log: Log) -> None:
    answered(Response(200, {}), caller=AGENT)
    (line,) = log()
    assert isinstance(line.pop("ms"), float)
    assert {name: line[name] for name in line if name not in {"location", "timestamp", "xray_trace_id"}} == {
        "level": "INFO",
        "service": "service_undefined",  # the template names it
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
    with Stubber(clients.dynamodb()) as stubber:
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
    assert line == {"operation": "getTicket", "outcome": counted, "Requests": [1.0]}
    (directive,) = emf["CloudWatchMetrics"]
    assert directive["Namespace"] == "TicketSystem"
    assert [set(dimensions) for dimensions in directive["Dimensions"]] == [{"operation", "outcome"}]
    assert directive["Metrics"] == [{"Name": "Requests", "Unit": "Count"}]
    assert isinstance(emf["Timestamp"], int)


@pytest.mark.usefixtures("log")
def test_a_count_does_not_carry_over_to_the_next_request(capsys: pytest.CaptureFixture[str]) -> None:
    for outcome in (KeyError("x"), Response(200), Response(200)):
        answered(outcome)
    lines = metrics(capsys)
    assert [line["outcome"] for line in lines] == ["internal_server_error", "ok", "ok"]
    assert [line["Requests"] for line in lines] == [[1.0], [1.0], [1.0]]
