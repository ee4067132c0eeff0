"""unsubscribe: POST /v1/unsubscribe."""

from collections.abc import Mapping
from typing import Any

from ticketing.access.permissions import PublicOperation
from ticketing.api.frame import Response, public
from ticketing.aws.data import of_tenant
from ticketing.mail.recipients import Recipients
from ticketing.mail.unsubscribe_links import UnsubscribeLinks, parse
from ticketing.mail.unsubscribe_page import DONE, HEADERS
from ticketing.users.states import MailOff


@public(PublicOperation.UNSUBSCRIBE)
def handler(event: Mapping[str, Any]) -> Response:
    """Unsubscribe the person of the link, by the page's button or by a mail program (one-click, RFC 8058).

    The answer is the same for any link, valid or not. The body is not read: there is one thing to do.
    """
    tokens = (event.get("multiValueQueryStringParameters") or {}).get("token") or [""]
    link = parse(tokens[0]) if len(tokens) == 1 else None
    if link is not None:
        data = of_tenant(link.tenant_id)
        if UnsubscribeLinks(data).knows(link):
            Recipients(data).stop(link.user_id, MailOff.UNSUBSCRIBED)
    return Response(200, html=DONE, headers=HEADERS)
