"""What API Gateway itself refuses, and what browsers ask first."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.contract.document import DOCUMENT, METHODS
from tests.harness.client import TLS, Client
from tests.harness.people import TICKET, Tenant
from tests.harness.stack import Stack

type Connect = Callable[..., Client]


def _assert_refused(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) == {"code", "message", "requestId"}
    assert body["code"] == code
    assert body["requestId"]
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/nothing",
        "/v2/tickets",
        "/v1/tickets/1/2/3",
        "/v1/users/me/2",
        "/v1/tenants",
        "/v1/tenant-deletions",
    ],
)
def test_unknown_paths(acme: Tenant, path: str) -> None:
    _assert_refused(acme.admin.get(path), 404, "path_not_found")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "BREW"])
@pytest.mark.parametrize("path", ["/v1/tickets", "/v1/users", "/v1/api-keys"])
def test_unknown_methods(acme: Tenant, path: str, method: str) -> None:
    _assert_refused(acme.admin.request(method, path), 404, "path_not_found")


@pytest.mark.parametrize(
    "path", ["/v1/tickets", "/v1/users/me", "/v1/tenant", "/v1/api-keys", "/v1/tenant-deletions/x"]
)
@pytest.mark.parametrize("key", [None, "requests-by-newcomers-of-ticket-system-local"])
def test_no_token(connect: Connect, path: str, key: str | None) -> None:
    """A key of the usage plan, which is no secret, opens nothing."""
    answer = connect(**({"x-api-key": key} if key else {})).get(path)
    _assert_refused(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", DOCUMENT["paths"])
@pytest.mark.parametrize("origin", ["https://app.example", None])
def test_preflight(stack: Stack, path: str, origin: str | None) -> None:
    """Of every path; no client sees them, so they are not in the contract."""
    headers = {"Access-Control-Request-Method": "PATCH"} | ({"Origin": origin} if origin else {})
    answer = httpx.options(stack.base_url + re.sub(r"\{\w+\}", "x", path), headers=headers, verify=TLS)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    methods = {name.upper() for name in DOCUMENT["paths"][path] if name in METHODS}
    assert methods <= set(answer.headers["access-control-allow-methods"].split(", "))
    assert "If-Match" in answer.headers["access-control-allow-headers"]


def test_pages_may_send_every_header_of_the_contract(stack: Stack) -> None:
    answer = httpx.options(f"{stack.base_url}/v1/tickets", verify=TLS)
    parameters = DOCUMENT["components"]["parameters"].values()
    headers = {parameter["name"] for parameter in parameters if parameter["in"] == "header"}
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert set(allowed) == headers | {"Authorization", "Content-Type"}


def test_answers_expose_their_headers_to_pages(acme: Tenant) -> None:
    answer = acme.reporter.post("/v1/tickets", json=TICKET, headers={"Origin": "https://app.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-expose-headers"] == "ETag, Link, Location, Retry-After"
