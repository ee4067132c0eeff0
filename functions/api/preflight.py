"""Answers preflight requests (OPTIONS) of browsers, for every path: the allowed origins, methods and headers."""

from typing import Any

from ticketing.api import cors
from ticketing.deployment import DEPLOYMENT

_ALLOWED = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match",
    "Access-Control-Max-Age": "7200",
}


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    """Return 204, with CORS headers for the allowed origins of this deployment."""
    headers = cors.headers(event, DEPLOYMENT.cors_origins)
    if "Access-Control-Allow-Origin" in headers:
        headers |= _ALLOWED
    return {"statusCode": 204, "headers": headers, "body": ""}
