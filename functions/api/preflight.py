"""Answers a browser's preflight (OPTIONS) for every path: which origins, methods and headers the API takes."""

from typing import Any

from ticketing.api import cors
from ticketing.deployment import DEPLOYMENT

_ALLOWED = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match",
    "Access-Control-Max-Age": "7200",
}


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    """Answer 204, with permission for the origins of this deployment."""
    headers = cors.headers(event, DEPLOYMENT.cors_origins)
    if "Access-Control-Allow-Origin" in headers:
        headers |= _ALLOWED
    return {"statusCode": 204, "headers": headers, "body": ""}
