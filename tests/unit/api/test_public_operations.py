"""The frame around operations that anybody may call: the answers are those of all others, the log knows of nobody."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.unit.support import REPORTER, REQUEST_ID, Answer, api_event, send
from ticketing.access.permissions import PublicOperation
from ticketing.api.frame import Response, public
from ticketing.errors import PreconditionFailedError

type Log = Callable[[], list[dict[str, Any]]]

SECRET = "my-secret"


def answered(outcome: Response | Exception, **event: Any) -> Answer:
    """Return what the frame makes of a public operation that returns or raises this, of a request full of secrets."""

    @public(PublicOperation.UNSUBSCRIBE)
    def handler(_event: Mapping[str, Any]) -> Response:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    about = {"caller": None, "body": SECRET, "headers": {"Referer": f"https://x/?token={SECRET}"}} | event
    return send(handler, api_event("POST", f"/v1/unsubscribe?token={SECRET}", **about))


@pytest.mark.parametrize("error", [KeyError("token"), RuntimeError("at /var/task/handler.py"), MemoryError()])
def test_a_bug_is_500_in_the_shape_of_every_error_and_tells_nothing(log: Log, error: Exception) -> None:
    answer = answered(error)
    assert answer.status == 500
    assert answer.json == {
        "code": "internal_server_error",
        "message": "Something went wrong on our side. Quote the request id when you report it.",
        "requestId": REQUEST_ID,
    }
    assert answer.headers == {"Cache-Control": "no-store", "Content-Type": "application/json", "Vary": "Origin"}
    failure = next(line for line in log() if line["level"] == "ERROR")
    assert (failure["exception_name"], failure["requestId"]) == (type(error).__name__, REQUEST_ID)


def test_aws_not_answering_is_503() -> None:
    answer = answered(ReadTimeoutError(endpoint_url="https://dynamodb"))
    assert (answer.error, answer.headers["Retry-After"]) == ((503, "service_unavailable"), "1")


@pytest.mark.parametrize("caller", [None, REPORTER], ids=["nobody", "somebody signed in"])
@pytest.mark.parametrize(
    ("outcome", "status", "code"),
    [
        pytest.param(Response(200, html="<p>"), 200, None, id="ok"),
        pytest.param(PreconditionFailedError(), 412, "precondition_failed", id="refused"),
        pytest.param(KeyError("token"), 500, "internal_server_error", id="failed"),
    ],
)
def test_nothing_of_the_request_is_logged(
    log: Log, outcome: Response | Exception, status: int, code: str | None, caller: Any
) -> None:
    answered(outcome, caller=caller)
    lines = log()
    last = lines[-1]
    assert isinstance(last.pop("ms"), float)
    assert {name: last[name] for name in last if name not in {"location", "timestamp", "xray_trace_id"}} == {
        "level": "INFO",
        "service": "service_undefined",
        "message": "unsubscribe",
        "operation": "unsubscribe",
        "requestId": REQUEST_ID,
        "functionRequestId": "c7b1a7de-lambda",
        "status": status,
    } | ({"code": code} if code else {})
    assert SECRET not in json.dumps(lines)


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    ("outcome", "counted"), [(Response(200, html="<p>"), "ok"), (KeyError("x"), "internal_server_error")]
)
def test_each_request_is_counted_by_its_outcome(
    capsys: pytest.CaptureFixture[str], outcome: Response | Exception, counted: str
) -> None:
    answered(outcome)
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    line.pop("_aws")
    assert line == {"operation": "unsubscribe", "outcome": counted, "Requests": [1.0]}


@pytest.mark.parametrize(
    ("origin", "allowed"), [("https://desk.example.com", "https://desk.example.com"), ("https://evil.example", None)]
)
def test_the_deployments_cors_headers_are_on_every_answer(
    monkeypatch: pytest.MonkeyPatch, origin: str, allowed: str | None
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://desk.example.com")
    for outcome in (Response(200, html="<p>"), KeyError("x")):
        headers = answered(outcome, headers={"Origin": origin}).headers
        assert (headers.get("Access-Control-Allow-Origin"), headers["Vary"]) == (allowed, "Origin")


def test_a_page_is_html_and_its_own_headers_count() -> None:
    answer = answered(Response(200, html="<p>ü</p>", headers={"Cache-Control": "private"}))
    assert (answer.text, answer.headers["Content-Type"]) == ("<p>ü</p>", "text/html; charset=utf-8")
    assert answer.headers["Cache-Control"] == "private"
