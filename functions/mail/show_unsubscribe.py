"""showUnsubscribe: GET /v1/unsubscribe."""

from collections.abc import Mapping
from typing import Any

from ticketing.access.permissions import PublicOperation
from ticketing.api.frame import Response, public
from ticketing.mail.unsubscribe_page import ASK, HEADERS


@public(PublicOperation.SHOW_UNSUBSCRIBE)
def handler(_event: Mapping[str, Any]) -> Response:
    """Ask whether to unsubscribe. Nothing is looked up, so the answer tells nothing about the link."""
    return Response(200, html=ASK, headers=HEADERS)
