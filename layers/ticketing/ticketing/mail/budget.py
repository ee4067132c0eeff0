"""The budgets of emails: how many a tenant, and a person in it, causes in a minute before the next ones have to wait.

SES takes so many emails a second from the whole account, and so many a day. Without budgets, whoever causes most would
use them up for everybody.

A budget is one number in one item: until when it is used up (the generic cell rate algorithm). Emails move it on; from
how far it lies ahead follows how long they have to wait. So whoever waits has their turn, and takes it when it comes,
without asking again. Nothing runs, and nothing is written, while nobody gets email; the items are removed by TTL.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ticketing.dynamodb.attributes import to_item
from ticketing.dynamodb.tables import tenant_prefix

if TYPE_CHECKING:
    from ticketing.aws.data import TenantData

AT_ONCE: Final = timedelta(minutes=5)
"""How many minutes' worth of emails go out at once, after a time without any."""

LONGEST: Final = timedelta(hours=24)
"""How far ahead a budget can be used up: after that, nobody wants the email any more."""

_KEPT: Final = 2 * LONGEST


class Budgets:
    """The budgets of one tenant and its people."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.notifications
        self._tenant_id = data.tenant_id

    def take(self, number: int, per_minute: int, now: datetime, *, person: str | None = None) -> timedelta | None:
        """Take so many emails from the budget of a person, or of the tenant, and return how long they have to wait.

        One request while the budget is not used up, two otherwise. If an answer is lost, they are taken twice.

        Returns
        -------
        timedelta | None
            Zero or less: they may be sent now. None: the budget is used up for as long as can be, and nothing is taken.
        """
        moment, cost = _milliseconds(now), number * 60_000 // per_minute
        values = {":now": moment, ":cost": cost, ":later": int((now + _KEPT).timestamp())}
        if self._set(person, "used = :now + :cost", "attribute_not_exists(used) OR used <= :now", values):
            return -AT_ONCE
        most = moment + int((LONGEST + AT_ONCE).total_seconds() * 1000)
        # What is used up until later than now stays so: the number only grows.
        change, condition = "used = if_not_exists(used, :now) + :cost", "attribute_not_exists(used) OR used < :most"
        used = self._set(person, change, condition, values | {":most": most})
        return timedelta(milliseconds=used - cost - moment) - AT_ONCE if used else None

    def _set(self, person: str | None, change: str, condition: str, values: dict[str, int]) -> int:
        """Write until when the budget is used up and return it, or 0 if the condition is not true."""
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=to_item(budget_key(self._tenant_id, person)),
                UpdateExpression=f"SET {change}, expiresAt = :later",
                ConditionExpression=condition,
                ExpressionAttributeValues=to_item(values),
                ReturnValues="UPDATED_NEW",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return 0
        return int(answer["Attributes"]["used"]["N"])


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def budget_key(tenant_id: str, person: str | None) -> dict[str, str]:
    """Return the key of a person's budget, or of the tenant's."""
    return {"PK": f"{tenant_prefix(tenant_id)}#MAIL", "SK": f"BUDGET#{person}" if person else "BUDGET"}
