"""Which requests each of the two ports accepts."""

import http.client
import json
from collections.abc import Callable

import httpx
import pytest

from tests.harness.stack import Stack

LIST_TABLES = {
    "X-Amz-Target": "DynamoDB_20120810.ListTables",
    "Content-Type": "application/x-amz-json-1.0",
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request",
}


def ask(port: int, method: str, path: str, headers: dict[str, str], address: str = "127.0.0.1") -> tuple[int, str]:
    connection = http.client.HTTPConnection(address, port, timeout=10)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    if method == "POST":
        connection.putheader("Content-Length", "2")
    connection.endheaders(b"{}" if method == "POST" else None)
    response = connection.getresponse()
    answer = response.status, response.read().decode()
    connection.close()
    return answer


def test_programs_reach_the_control_plane(stack: Stack) -> None:
    status, body = ask(stack.aws_port, "POST", "/", LIST_TABLES)
    assert status == 200
    assert stack.outputs["TicketsTableName"] in json.loads(body)["TableNames"]


@pytest.mark.parametrize(
    "header",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Referer": "https://evil.example/"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET", "OPTIONS"])
def test_web_pages_do_not_reach_the_control_plane(stack: Stack, header: dict[str, str], method: str) -> None:
    status, body = ask(stack.aws_port, method, "/", LIST_TABLES | header)
    assert status == 403
    assert body == "Web pages may not call the control plane (docs/local.md).\n"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:4566", "", "192.168.0.1", "host.docker.internal", "localhost.evil.example"]
)
def test_other_host_names_do_not_reach_the_control_plane(stack: Stack, host: str) -> None:
    status, body = ask(stack.aws_port, "POST", "/", LIST_TABLES | {"Host": host})
    assert status == 403
    assert "is not a name of this machine's control plane" in body


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:4566", "127.0.0.1:1", "[::1]:4566"])
def test_names_of_the_loopback_reach_the_control_plane(stack: Stack, host: str) -> None:
    assert ask(stack.aws_port, "POST", "/", LIST_TABLES | {"Host": host})[0] == 200


@pytest.mark.parametrize("action", ["Action", "%41ction", "A%63tion"])
def test_an_action_in_a_link_is_refused(stack: Stack, action: str) -> None:
    status, _ = ask(stack.aws_port, "GET", f"/?{action}=DeleteStack&StackName=ticket-system-local", {})
    assert status == 403


@pytest.mark.parametrize("host", ["evil.example", "acme.localhost:8000", "127.0.0.2"])
def test_the_api_answers_to_localhost_only(stack: Stack, host: str) -> None:
    status, body = ask(stack.port, "GET", "/v1/tickets", {"Host": host})
    assert status == 403
    assert json.loads(body)["code"] == "forbidden"


@pytest.mark.parametrize(
    "path", ["/_ministack/health", "/health", "/_aws/execute-api/x/api/v1/tickets", "/../_ministack/health", "//health"]
)
def test_nothing_but_the_api_is_behind_its_port(stack: Stack, path: str) -> None:
    for headers in ({}, LIST_TABLES):
        for method in ("GET", "POST"):
            status, body = ask(stack.port, method, path, headers)
            assert status == 404
            assert json.loads(body)["code"] == "path_not_found"


def test_the_api_decides_about_other_origins_itself(stack: Stack) -> None:
    preflight = httpx.options(
        f"{stack.base_url}/v1/tickets",
        headers={"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"},
    )
    assert preflight.is_success
    # The emulator itself would allow every method on every path.
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "HEAD" not in preflight.headers["access-control-allow-methods"]


def test_a_body_that_api_gateway_would_not_take(stack: Stack) -> None:
    answer = httpx.post(f"{stack.base_url}/v1/tickets", content=b" " * (10 * 1024 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.json()["code"] == "payload_too_large"


@pytest.mark.long
def test_containers_reach_the_control_plane_where_asked_for(start: Callable[..., Stack]) -> None:
    """127.0.0.2 stands for the address of Docker's bridge, which a container calls host.docker.internal."""
    running = start(AWS_BIND="127.0.0.2")
    for host in ("host.docker.internal:4566", "127.0.0.2:4566"):
        assert ask(running.aws_port, "POST", "/", LIST_TABLES | {"Host": host}, "127.0.0.2")[0] == 200
    assert ask(running.aws_port, "POST", "/", LIST_TABLES)[0] == 200
    with pytest.raises(ConnectionRefusedError):
        ask(running.port, "GET", "/v1/tickets", {}, "127.0.0.2")
