"""The browser's preflight."""

from typing import Any

import pytest

from functions.api import preflight
from tests.unit.support import Answer, api_event, send

ALLOWED = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match",
    "Access-Control-Max-Age": "7200",
    "Access-Control-Expose-Headers": "ETag, Link, Location, Retry-After",
}


def preflighted(monkeypatch: pytest.MonkeyPatch, configured: str | None, headers: dict[str, str]) -> Answer:
    if configured is not None:
        monkeypatch.setenv("CORS_ORIGINS", configured)
    event = api_event("OPTIONS", "/v1/tickets", caller=None, headers=headers)
    return send(preflight.handler, event)


@pytest.mark.parametrize("header", ["Origin", "origin", "ORIGIN"])
def test_a_listed_origin_is_allowed(monkeypatch: pytest.MonkeyPatch, header: str) -> None:
    origins = "https://a.example, https://b.example"
    answer = preflighted(monkeypatch, origins, {header: "https://b.example"})
    assert (answer.status, answer.text) == (204, "")
    assert answer.headers == ALLOWED | {"Access-Control-Allow-Origin": "https://b.example", "Vary": "Origin"}


def test_a_star_allows_every_origin_without_naming_it(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = preflighted(monkeypatch, "*", {"Origin": "https://anything.example"})
    assert answer.headers == ALLOWED | {"Access-Control-Allow-Origin": "*"}


@pytest.mark.parametrize(
    ("configured", "origin"),
    [
        pytest.param("https://a.example", "https://evil.example", id="unlisted"),
        pytest.param("https://a.example", "https://a.example.evil.example", id="a listed one as prefix"),
        pytest.param("https://a.example", "https://sub.a.example", id="a subdomain"),
        pytest.param("https://a.example", "http://a.example", id="another scheme"),
        pytest.param("https://a.example", "null", id="null"),
        pytest.param("https://a.example", "", id="empty"),
        pytest.param("https://a.example,*", "https://evil.example", id="a star among others is no star"),
        pytest.param("", "https://a.example", id="none configured"),
        pytest.param("", "", id="none configured, empty"),
        pytest.param(None, "https://a.example", id="not configured"),
        pytest.param(",", "", id="only a comma"),
    ],
)
def test_any_other_origin_gets_no_permission(
    monkeypatch: pytest.MonkeyPatch, configured: str | None, origin: str
) -> None:
    answer = preflighted(monkeypatch, configured, {"Origin": origin})
    assert (answer.status, answer.headers) == (204, {"Vary": "Origin"})


def test_a_request_without_origin_gets_no_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    assert preflighted(monkeypatch, "https://a.example", {}).headers == {"Vary": "Origin"}


@pytest.mark.parametrize("event", [{}, {"headers": None}], ids=["none", "null"])
def test_an_event_without_headers_is_no_failure(monkeypatch: pytest.MonkeyPatch, event: dict[str, Any]) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example")
    assert preflight.handler(event, None) == {"statusCode": 204, "headers": {"Vary": "Origin"}, "body": ""}
