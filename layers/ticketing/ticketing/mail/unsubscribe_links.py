"""The repository of unsubscribe links. A token is `<tenant>.<user>.<secret>`: one per person, the same in all emails.

The first two parts are the key of the secret's item; the secret has 256 bits from the operating system. It is kept in
clear, because the next email needs it again, and permits nothing but unsubscribing that person.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ticketing import clock
from ticketing.aws.data import TenantData
from ticketing.dynamodb.attributes import to_item
from ticketing.dynamodb.tables import tenant_prefix

GOOD_FOR: Final = timedelta(days=365)
"""How long a link works after the last email that had it."""

_BYTES: Final = 32
_TOKEN: Final = re.compile(r"([0-9A-Za-z_-]{1,64})\.([0-9a-f-]{36})\.([0-9A-Za-z_-]{43})")


@dataclass(frozen=True, slots=True)
class UnsubscribeLink:
    """Whom a link unsubscribes, and the secret that proves it."""

    tenant_id: str
    user_id: str
    secret: str

    @property
    def token(self) -> str:
        """The token in the link's URL, which `parse` reads."""
        return f"{self.tenant_id}.{self.user_id}.{self.secret}"


def parse(token: str) -> UnsubscribeLink | None:
    """Return the link of a token, or None if it does not have the shape of one."""
    match = _TOKEN.fullmatch(token)
    return UnsubscribeLink(*match.groups()) if match else None


class UnsubscribeLinks:
    """The unsubscribe links of one tenant's people."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.notifications
        self._tenant_id = data.tenant_id

    def of(self, user_id: str) -> UnsubscribeLink:
        """Return somebody's link, made with their first email: one request, idempotent."""
        answer = self._client.update_item(
            TableName=self._table,
            Key=to_item(mail_key(self._tenant_id, user_id)),
            UpdateExpression="SET secret = if_not_exists(secret, :fresh), expiresAt = :later",
            ExpressionAttributeValues=to_item(
                {
                    ":fresh": secrets.token_urlsafe(_BYTES),
                    ":later": int((clock.now() + GOOD_FOR).timestamp()),
                }
            ),
            ReturnValues="ALL_NEW",
        )
        return UnsubscribeLink(self._tenant_id, user_id, answer["Attributes"]["secret"]["S"])

    def knows(self, link: UnsubscribeLink) -> bool:
        """Return whether the link's secret is that of the person whom it names (a consistent read)."""
        answer = self._client.get_item(
            TableName=self._table,
            Key=to_item(mail_key(self._tenant_id, link.user_id)),
            ConsistentRead=True,
            ProjectionExpression="secret",
        )
        found = answer.get("Item", {}).get("secret", {}).get("S", "")
        return hmac.compare_digest(found, link.secret)


def mail_key(tenant_id: str, user_id: str) -> dict[str, str]:
    """Return the key of the secret of somebody's unsubscribe link."""
    return {"PK": f"{tenant_prefix(tenant_id)}#MAIL", "SK": f"USER#{user_id}"}
