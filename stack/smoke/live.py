"""The WebSocket API: that its authorizer answers, and refuses strangers."""

from typing import Final

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from stack.smoke.deployment import Deployment

_SECONDS: Final = 30


def strangers_can_not_connect(deployment: Deployment) -> list[str]:
    """Check that a handshake without a token is 401: anything else means that the authorizer is not asked, or fails."""
    try:
        with connect(deployment.live_url, open_timeout=_SECONDS):
            return ["Live updates accept a connection without a token."]
    except InvalidStatus as refused:
        status = refused.response.status_code
    return [] if status == 401 else [f"A connection without a token answers {status}, not 401."]  # noqa: PLR2004
