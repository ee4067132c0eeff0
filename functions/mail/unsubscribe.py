"""unsubscribe: POST /v1/unsubscribe."""

import os
from collections.abc import Mapping
from typing import Any

from ticketing import aws
from ticketing.frame import Response, public
from ticketing.notifications.mail_links import MailLinks, parse
from ticketing.notifications.readers import Readers
from ticketing.notifications.unsubscribe_page import DONE, HEADERS
from ticketing.permissions import PublicOperation
from ticketing.users.models import MailOff


@public(PublicOperation.UNSUBSCRIBE)
def handler(event: Mapping[str, Any]) -> Response:
    """Stop the mails of whoever has the link, sent by the page's button or by a mail program (RFC 8058).

    The answer is the same for any link, good or not. What the body says does not matter: there is one thing to do.
    """
    tokens = (event.get("multiValueQueryStringParameters") or {}).get("token") or [""]
    link = parse(tokens[0]) if len(tokens) == 1 else None
    if link is not None and MailLinks(aws.dynamodb(), os.environ["NOTIFICATIONS_TABLE"], link.tenant_id).knows(link):
        Readers(aws.dynamodb(), os.environ["USERS_TABLE"], link.tenant_id).stop(link.user_id, MailOff.UNSUBSCRIBED)
    return Response(200, html=DONE, headers=HEADERS)
