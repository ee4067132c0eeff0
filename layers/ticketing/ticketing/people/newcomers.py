"""How many requests a day a person without a tenant has: twenty, whatever others use.

API Gateway counts by keys, and an account has too few for one each (docs/decisions/0012-rate-limits-by-usage-plan.md).
So each request of a newcomer is counted here, in an item for the person and the day that TTL removes. The authorizer
looks at it, too: then API Gateway refuses by itself whoever goes on, and they can't use up the rate that all newcomers
share.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ticketing import clock
from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT
from ticketing.dynamodb.attributes import to_item
from ticketing.errors import TooManyRequestsError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REQUESTS_PER_DAY: Final = 20

_KEPT: Final = timedelta(days=2)


class Newcomers:
    """The counters of all people without a tenant. The items belong to no tenant and hold a number, nothing else."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def has_requests_left(self, user_id: str) -> bool:
        """Return whether a newcomer has requests of this day left (a consistent read)."""
        answer = self._client.get_item(
            TableName=self._table,
            Key=to_item(newcomer_key(user_id, clock.now())),
            ConsistentRead=True,
            ProjectionExpression="requests",
        )
        return int(answer.get("Item", {}).get("requests", {}).get("N", "0")) < REQUESTS_PER_DAY

    def count_request(self, user_id: str) -> None:
        """Count a request of a newcomer.

        Raises
        ------
        TooManyRequestsError
            It would be one more than they have a day.
        """
        now = clock.now()
        try:
            self._client.update_item(
                TableName=self._table,
                Key=to_item(newcomer_key(user_id, now)),
                UpdateExpression="SET expiresAt = :end ADD requests :one",
                ConditionExpression="attribute_not_exists(requests) OR requests < :most",
                ExpressionAttributeValues=to_item(
                    {":one": 1, ":most": REQUESTS_PER_DAY, ":end": int((now + _KEPT).timestamp())}
                ),
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            message = f"The {REQUESTS_PER_DAY} requests of this day are used up. They count anew at 00:00 UTC."
            raise TooManyRequestsError(message) from error


def newcomer_key(user_id: str, now: datetime) -> dict[str, str]:
    """Return the key of a newcomer's counter for the day, which begins at 00:00 UTC."""
    return {"PK": f"NEWCOMER#{user_id}", "SK": f"DAY#{now:%Y-%m-%d}"}


def newcomers() -> Newcomers:
    """Return the deployment's newcomers."""
    return Newcomers(clients.dynamodb(), DEPLOYMENT.tables.notifications)
