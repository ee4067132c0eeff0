"""What is left of a tenant that is being deleted: found and erased page by page, as the erasure needs it.

Everything is found again until it is gone: whatever leads to other items is erased after them. So an erasure that is
cut off anywhere and started again ends the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ticketing.dynamodb.attributes import to_item
from ticketing.dynamodb.tables import (
    Key,
    erase_all,
    items_of,
    pages_of,
    tenant_prefix,
)
from ticketing.dynamodb.transactions import VersionConflictError
from ticketing.people.keys import user_key
from ticketing.users.claims import founder_claim, name_claim
from ticketing.users.models import PENDING, Kind
from ticketing.users.rows import (
    deletion_key,
    invitation_key,
    list_key,
    tenant_key,
)
from ticketing.users.tenant_models import DeletionState, Tenant

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

PAGE: Final = 100
"""How many users or tickets are erased before the receipt counts them."""


class Remains:
    """The items of one tenant in both tables."""

    def __init__(self, client: DynamoDBClient, users_table: str, tickets_table: str, tenant_id: str) -> None:
        self._client = client
        self._users = users_table
        self._tickets = tickets_table
        self._id = tenant_id
        self._ticket_list = f"{tenant_prefix(tenant_id)}#TICKETS"

    def people(self) -> Iterator[list[str]]:
        """Return the ids of the tenant's people, page by page."""
        return self._user_ids(Kind.PERSON)

    def api_keys(self) -> Iterator[list[str]]:
        """Return the ids of the tenant's API keys, page by page."""
        return self._user_ids(Kind.API_KEY)

    def erase_user(self, user_id: str) -> bool:
        """Erase the row of a person or an API key and return whether it was there."""
        key = to_item(user_key(self._id, user_id))
        answer = self._client.delete_item(TableName=self._users, Key=key, ReturnValues="ALL_OLD")
        return "Attributes" in answer

    def invitations(self) -> Iterator[str]:
        """Return the addresses that invitations are under way to. They stand among the pending work of all tenants."""
        query: QueryInputTypeDef = {
            "TableName": self._users,
            "IndexName": "byTask",
            "KeyConditionExpression": "taskKey = :pending",
            "FilterExpression": "begins_with(PK, :invitations)",
            "ExpressionAttributeValues": to_item(
                {":pending": PENDING, ":invitations": invitation_key(self._id, "")["PK"]}
            ),
        }
        return (item["email"]["S"] for item in items_of(self._client, query))

    def erase_invitation(self, email: str) -> None:
        """Erase an invitation that is under way."""
        self._client.delete_item(TableName=self._users, Key=to_item(invitation_key(self._id, email)))

    def tickets(self) -> Iterator[list[str]]:
        """Return the partition keys of the tenant's tickets, in the trash or not, page by page."""
        query: QueryInputTypeDef = {
            "TableName": self._tickets,
            "IndexName": "byNumber",
            "KeyConditionExpression": "tenantKey = :tenant",
            "ExpressionAttributeValues": to_item({":tenant": self._ticket_list}),
            "Limit": PAGE,
        }
        return ([item["PK"]["S"] for item in page] for page in pages_of(self._client, query))

    def erase_ticket(self, partition: str) -> int | None:
        """Erase a ticket with all that hangs on it; return the number of its events, or None if it is gone already.

        The ticket goes last, as it leads to the rest, and only in the version that was read with the rest: a change
        brings an event. Internal comments and watchers come without a change of the ticket, but never without the
        ticket: those of meanwhile are looked for once it is gone.

        Raises
        ------
        VersionConflictError
            The ticket changed meanwhile; it is still there.
        """
        version, rest = self._under(partition)
        self._erase_all(rest)
        if version is None:
            return None
        try:
            self._client.delete_item(
                TableName=self._tickets,
                Key=to_item({"PK": partition, "SK": "TICKET"}),
                ConditionExpression="version = :read",
                ExpressionAttributeValues={":read": version},
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise VersionConflictError from error
        late = self._under(partition)[1]
        self._erase_all(late)
        return len([key for key in (*rest, *late) if key["SK"]["S"].startswith("EVENT#")])

    def _under(self, partition: str) -> tuple[Any, list[Key]]:
        """Return the version of the ticket with this partition key (None: it is gone), and the keys of the rest."""
        query: QueryInputTypeDef = {
            "TableName": self._tickets,
            "KeyConditionExpression": "PK = :partition",
            "ExpressionAttributeValues": to_item({":partition": partition}),
            "ProjectionExpression": "PK, SK, version",
            "ConsistentRead": True,
        }
        version: Any = None
        rest: list[Key] = []
        for item in items_of(self._client, query):
            if item["SK"]["S"] == "TICKET":
                version = item["version"]
            else:
                rest.append({"PK": item["PK"], "SK": item["SK"]})
        return version, rest

    def count(self, moment: str, erased: Mapping[str, int]) -> None:
        """Add to the counts of the receipt (by their outside names), and write that there is progress.

        A receipt that is complete stays as it is.
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
        """Give the tenant's claims up, then erase its item and complete the receipt, both or neither.

        A claim that is another's by now stays: it was given up before.
        """
        for key in (name_claim(tenant.name), founder_claim(tenant.founded_by_id)):
            self._give_up(key)
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

    def _give_up(self, key: Mapping[str, str]) -> None:
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

    def _erase_all(self, keys: Sequence[Key]) -> None:
        """Erase items of the tickets table; raises what `erase_all` does."""
        erase_all(self._client, self._tickets, keys)
