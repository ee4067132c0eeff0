"""CORS: from which origins a browser may read the responses."""

from collections.abc import Mapping
from typing import Any

EXPOSED = "ETag, Link, Location, Retry-After"


def headers(event: Mapping[str, Any], allowed: str) -> dict[str, str]:
    """Return the CORS headers for an event of API Gateway; `allowed` is origins separated by commas, or `*`.

    Callers send a token and no cookies, so credentials are not allowed and `*` is safe.
    """
    if allowed.strip() == "*":
        return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": EXPOSED}
    sent: Mapping[str, str] = event.get("headers") or {}
    origin = next((value for name, value in sent.items() if name.lower() == "origin"), None)
    if origin not in {entry.strip() for entry in allowed.split(",")} - {""}:
        return {"Vary": "Origin"}
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED, "Vary": "Origin"}
