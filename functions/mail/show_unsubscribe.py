"""showUnsubscribe: GET /v1/unsubscribe."""

from collections.abc import Mapping
from typing import Any

from ticketing.access.permissions import PublicOperation
from ticketing.api.frame import Response, public
from ticketing.mail.unsubscribe_page import ASK, HEADERS


@public(PublicOperation.SHOW_UNSUBSCRIBE)
def handler(_event: Mapping[str, Any]) -> Response:
    """Ask whether the mails shall stop. Nothing is looked up, so there is nothing to learn from the answer."""
    return Response(200, html=ASK, headers=HEADERS)
