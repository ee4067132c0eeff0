"""The links that stop somebody's mail: `<tenant>.<user>.<secret>`, one per person, the same in all of their mails.

The first two parts lead to the secret's item with one read; the secret has 256 bits from the operating system. It is
kept as it is, because the next mail needs it again, and is good for nothing but stopping that person's mail.
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
"""How long a link works after the last mail that had it."""

_BYTES: Final = 32
_TOKEN: Final = re.compile(r"([0-9A-Za-z_-]{1,64})\.([0-9a-f-]{36})\.([0-9A-Za-z_-]{43})")


@dataclass(frozen=True, slots=True)
class MailLink:
    """What a token says: whose mail it stops, and the secret that proves it."""

    tenant_id: str
    user_id: str
    secret: str

    @property
    def token(self) -> str:
        """The link's token, to be read by `parse` again."""
        return f"{self.tenant_id}.{self.user_id}.{self.secret}"


def parse(token: str) -> MailLink | None:
    """Return what a token says, or None if it has not the shape of one."""
    match = _TOKEN.fullmatch(token)
    return MailLink(*match.groups()) if match else None


class MailLinks:
    """The links of one tenant's people. It cannot be made without a tenant."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.notifications
        self._tenant_id = data.tenant_id

    def of(self, user_id: str) -> MailLink:
        """Return somebody's link, made when they get their first mail: one request, and safe to repeat."""
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
        return MailLink(self._tenant_id, user_id, answer["Attributes"]["secret"]["S"])

    def knows(self, link: MailLink) -> bool:
        """Return whether this is the link of the person whom it names (a consistent read)."""
        answer = self._client.get_item(
            TableName=self._table,
            Key=to_item(mail_key(self._tenant_id, link.user_id)),
            ConsistentRead=True,
            ProjectionExpression="secret",
        )
        found = answer.get("Item", {}).get("secret", {}).get("S", "")
        return hmac.compare_digest(found, link.secret)


def mail_key(tenant_id: str, user_id: str) -> dict[str, str]:
    """Return the key of what makes the links to stop somebody's mail theirs alone."""
    return {"PK": f"{tenant_prefix(tenant_id)}#MAIL", "SK": f"USER#{user_id}"}
