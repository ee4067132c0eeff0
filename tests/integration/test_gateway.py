"""What API Gateway itself refuses, and what browsers ask first."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.callers import TICKET, Tenant

type Connect = Callable[..., httpx.Client]


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
@pytest.mark.parametrize("key", [None, "requests-of-newcomers-of-ticket-system-local"])
def test_no_token(connect: Connect, path: str, key: str | None) -> None:
    """A key of the usage plan, which is no secret, opens nothing."""
    answer = connect(**({"x-api-key": key} if key else {})).get(path)
    _assert_refused(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/tickets",
        "/v1/tickets/{id}",
        "/v1/tickets/{id}/transitions",
        "/v1/users",
        "/v1/users/me",
        "/v1/users/{id}",
        "/v1/tenant",
        "/v1/tenant-deletions/{id}",
        "/v1/api-keys",
        "/v1/api-keys/{id}",
    ],
)
@pytest.mark.parametrize("origin", ["https://app.example", None])
def test_preflight(connect: Connect, path: str, origin: str | None) -> None:
    headers = {"Access-Control-Request-Method": "PATCH"} | ({"Origin": origin} if origin else {})
    answer = connect().request("OPTIONS", path.replace("{id}", "x"), headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert "If-Match" in answer.headers["access-control-allow-headers"]


def test_answers_expose_their_headers_to_pages(acme: Tenant) -> None:
    answer = acme.reporter.post("/v1/tickets", json=TICKET, headers={"Origin": "https://app.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-expose-headers"] == "ETag, Link, Location, Retry-After"
