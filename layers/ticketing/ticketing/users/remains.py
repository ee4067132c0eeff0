"""The items of a tenant in the users table, listed and deleted page by page for the erasure of the tenant.

Items that lead to others are deleted after them. So an erasure that is interrupted anywhere can be retried, and has the
same result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from ticketing.dynamodb.attributes import to_item
from ticketing.dynamodb.tables import (
    items_of,
    pages_of,
)
from ticketing.people.keys import tenant_key, user_key
from ticketing.users.claims import founder_claim, name_claim
from ticketing.users.rows import deletion_key, invitation_key, list_key
from ticketing.users.states import PENDING, DeletionState, Kind
from ticketing.users.tenant_models import Tenant

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

    from ticketing.aws.data import TenantData

PAGE: Final = 100
"""How many users are deleted before the receipt counts them."""


class UserRemains:
    """The items of one tenant in the users table."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._users = data.tables.users
        self._id = data.tenant_id

    def people(self) -> Iterator[list[str]]:
        """Return the ids of the tenant's people, page by page."""
        return self._user_ids(Kind.PERSON)

    def api_keys(self) -> Iterator[list[str]]:
        """Return the ids of the tenant's API keys, page by page."""
        return self._user_ids(Kind.API_KEY)

    def erase_user(self, user_id: str) -> bool:
        """Delete the row of a person or an API key, and return whether it existed."""
        key = to_item(user_key(self._id, user_id))
        answer = self._client.delete_item(TableName=self._users, Key=key, ReturnValues="ALL_OLD")
        return "Attributes" in answer

    def invitations(self) -> Iterator[str]:
        """Return the addresses of pending invitations, as in their keys. The index holds the work of all tenants."""
        start = invitation_key(self._id, "")["PK"]
        query: QueryInputTypeDef = {
            "TableName": self._users,
            "IndexName": "byTask",
            "KeyConditionExpression": "taskKey = :pending",
            "FilterExpression": "begins_with(PK, :invitations)",
            "ExpressionAttributeValues": to_item({":pending": PENDING, ":invitations": start}),
        }
        return (item["PK"]["S"].removeprefix(start) for item in items_of(self._client, query))

    def erase_invitation(self, email: str) -> None:
        """Delete a pending invitation."""
        self._client.delete_item(TableName=self._users, Key=to_item(invitation_key(self._id, email)))

    def count(self, moment: str, erased: Mapping[str, int]) -> None:
        """Add to the counts of the receipt (by their names in the API), and write the time of this progress.

        A completed receipt stays unchanged.
        """
        adding = ", ".join(f"#{name} :{name}" for name in erased)
        try:
            self._client.update_item(
                TableName=self._users,
                Key=self._receipt,
                UpdateExpression="SET taskSince = :now" + (f" ADD {adding}" if adding else ""),
                ConditionExpression="#state = :running",
                ExpressionAttributeNames={"#state": "state"} | {f"#{name}": name for name in erased},
                ExpressionAttributeValues=to_item(
                    {":now": moment, ":running": DeletionState.RUNNING.value}
                    | {f":{name}": number for name, number in erased.items()}
                ),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return

    def finish(self, tenant: Tenant, moment: str) -> None:
        """Release the tenant's claims, then delete its item and complete the receipt in one transaction.

        A claim that another tenant has by now stays: a previous attempt released it.
        """
        for key in (name_claim(tenant.name), founder_claim(tenant.founded_by_id)):
            self._release_claim(key)
        self._client.transact_write_items(
            TransactItems=[
                {"Delete": {"TableName": self._users, "Key": to_item(tenant_key(self._id))}},
                {
                    "Update": {
                        "TableName": self._users,
                        "Key": self._receipt,
                        "UpdateExpression": "SET #state = :done, finishedAt = :now REMOVE taskKey, taskSince",
                        "ConditionExpression": "#state = :running",
                        "ExpressionAttributeNames": {"#state": "state"},
                        "ExpressionAttributeValues": to_item(
                            {
                                ":running": DeletionState.RUNNING.value,
                                ":done": DeletionState.DONE.value,
                                ":now": moment,
                            }
                        ),
                    }
                },
            ]
        )

    def _release_claim(self, key: Mapping[str, str]) -> None:
        try:
            self._client.delete_item(
                TableName=self._users,
                Key=to_item(key),
                ConditionExpression="tenantId = :tenant",
                ExpressionAttributeValues=to_item({":tenant": self._id}),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return

    @property
    def _receipt(self) -> dict[str, Any]:
        return to_item(deletion_key(self._id))

    def _user_ids(self, kind: Kind) -> Iterator[list[str]]:
        query: QueryInputTypeDef = {
            "TableName": self._users,
            "IndexName": "byName",
            "KeyConditionExpression": "tenantKey = :tenant",
            "ExpressionAttributeValues": to_item({":tenant": list_key(self._id, kind)}),
            "ProjectionExpression": "id",
            "Limit": PAGE,
        }
        return ([item["id"]["S"] for item in page] for page in pages_of(self._client, query))
