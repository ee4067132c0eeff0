"""What is left of a ticket when DynamoDB's TTL has removed it: its events, the comments on it, who watches it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ticketing.dynamodb.transactions import reasons
from ticketing.tickets import outbox

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_AT_ONCE: Final = 24
"""How many items one transaction deletes: it takes 4 MB, and an event with four long texts has up to 160 KB."""


def purge(client: DynamoDBClient, table: str, ticket: Mapping[str, Any]) -> int:
    """Delete what stands under the PK of a ticket (its key, as DynamoDB's JSON) and return how many items that was.

    Every transaction checks that the ticket is gone; of one that is there, nothing (more) is deleted. Events come after
    all else and newest first, so that the first event goes last: until then it keeps the ticket's id from being taken
    again by a late repeat of an Idempotency-Key, and a new ticket never meets the old one's history or comments. Can be
    repeated after it broke off.
    """
    gone: TransactWriteItemTypeDef = {
        "ConditionCheck": {"TableName": table, "Key": ticket, "ConditionExpression": "attribute_not_exists(PK)"}
    }
    deleted = 0
    while (keys := _next_keys(client, table, ticket)) and ticket not in keys:
        deletes: list[TransactWriteItemTypeDef] = [{"Delete": {"TableName": table, "Key": key}} for key in keys]
        try:
            client.transact_write_items(TransactItems=[gone, *deletes])
        except client.exceptions.TransactionCanceledException as error:
            if reasons(error)[0].get("Code") == "ConditionalCheckFailed":
                break
            raise
        deleted += len(keys)
    return deleted


def _next_keys(client: DynamoDBClient, table: str, ticket: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the keys of the items under a ticket's PK that go next; the ticket's own among them if it is there."""
    for part in ("SK < :events", "SK >= :events"):
        answer = client.query(
            TableName=table,
            KeyConditionExpression=f"PK = :pk AND {part}",
            ExpressionAttributeValues={":pk": ticket["PK"], ":events": {"S": outbox.PREFIX}},
            ProjectionExpression="PK, SK",
            ConsistentRead=True,
            ScanIndexForward=False,
            Limit=_AT_ONCE,
        )
        if answer["Items"]:
            return answer["Items"]
    return []
