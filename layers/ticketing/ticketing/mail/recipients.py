"""The repository of recipients: what the users table says of the people who get email, and unsubscribing them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ticketing import clock
from ticketing.api.bodies import Model
from ticketing.aws.data import TenantData
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.damage import Item
from ticketing.people.keys import user_key
from ticketing.people.repository import read_people
from ticketing.users.models import Notifications, TenantRole
from ticketing.users.states import Kind, MailOff

if TYPE_CHECKING:
    from collections.abc import Iterable


_READ: Final = ("id", "kind", "name", "email", "role", "active", "invitedUntil", "timeZone", "notifications")


class Recipient(Model):
    """A user as emails need to know them."""

    id: str
    kind: Kind
    name: str
    email: str | None = None
    role: TenantRole
    active: bool
    invited_until: str | None = None
    time_zone: str = "UTC"
    notifications: Notifications = Notifications()


def _recipient(item: Item) -> Recipient:
    return Recipient.model_validate(from_item(item))


class Recipients:
    """The people of one tenant."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.users
        self._tenant_id = data.tenant_id

    def known(self, ids: Iterable[str]) -> dict[str, Recipient]:
        """Return those of these people who exist and can be read, by id: one batch read for every 100.

        Raises
        ------
        ServiceUnavailableError
            DynamoDB was busy and left some of them out, again and again.
        """
        keys = [user_key(self._tenant_id, each) for each in dict.fromkeys(ids)]
        found = read_people(self._client, self._table, keys, _READ, _recipient)
        return {each.id: each for each in found}

    def stop(self, user_id: str, reason: MailOff, *, address: str | None = None) -> bool:
        """Unsubscribe somebody from all email and return True; False if they are already, or don't have this address.

        Parameters
        ----------
        user_id
            Who.
        reason
            Why; the first one is kept.
        address
            Where the email went that bounced or was complained about: it has to be theirs still.
        """
        condition = "attribute_exists(PK) AND (attribute_not_exists(notifications.mail) OR notifications.mail = :on)"
        values = {":off": False, ":on": True, ":reason": reason.value, ":now": clock.timestamp(clock.now()), ":one": 1}
        if address is not None:
            condition += " AND email = :address"
            values[":address"] = address.lower()
        try:
            self._client.update_item(
                TableName=self._table,
                Key=to_item(user_key(self._tenant_id, user_id)),
                # The version: a change of the same row at this moment has to read it again.
                UpdateExpression=(
                    "SET notifications.mail = :off, mailOffReason = :reason, updatedAt = :now ADD version :one"
                ),
                ConditionExpression=condition,
                ExpressionAttributeValues=to_item(values),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True
