"""The people who get mail: what the users table says of them, and switching their mail off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ticketing import clock
from ticketing.api.bodies import Model
from ticketing.aws.data import TenantData
from ticketing.dynamodb.attributes import to_item
from ticketing.people.keys import user_key
from ticketing.people.repository import read_people
from ticketing.users.models import Kind, MailOff, Notifications, TenantRole

if TYPE_CHECKING:
    from collections.abc import Iterable


_READ: Final = ("id", "kind", "name", "email", "role", "active", "timeZone", "notifications")


class Reader(Model):
    """A user as mails need to know them."""

    id: str
    kind: Kind
    name: str
    email: str | None = None
    role: TenantRole
    active: bool
    time_zone: str = "UTC"
    notifications: Notifications = Notifications()


class Readers:
    """The people of one tenant. It cannot be made without a tenant."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.users
        self._tenant_id = data.tenant_id

    def known(self, ids: Iterable[str]) -> dict[str, Reader]:
        """Return those of these people who are there, by id: one batch read for every 100.

        Raises
        ------
        ServiceUnavailableError
            DynamoDB kept leaving some of them out, being busy.
        """
        keys = [user_key(self._tenant_id, each) for each in dict.fromkeys(ids)]
        found = read_people(self._client, self._table, keys, _READ)
        return {each["id"]: Reader.model_validate(each) for each in found}

    def stop(self, user_id: str, reason: MailOff, *, address: str | None = None) -> bool:
        """Switch somebody's mail off and return True; False where it is off, nobody is there or the address is another.

        Parameters
        ----------
        user_id
            Who.
        reason
            Why; the first one stays.
        address
            Where a mail went that is the reason: it counts only if it still is theirs.
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
                # The version: whoever is changing the same row at this moment has to read it again.
                UpdateExpression=(
                    "SET notifications.mail = :off, mailOffReason = :reason, updatedAt = :now ADD version :one"
                ),
                ConditionExpression=condition,
                ExpressionAttributeValues=to_item(values),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True
