"""What is left of a ticket when DynamoDB's TTL has removed it: its events, without a ticket that leads to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ticketing.tables import reasons

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_AT_ONCE: Final = 24
"""How many items one transaction deletes: it takes 4 MB, and an event with four long texts has up to 160 KB."""


def purge(client: DynamoDBClient, table: str, ticket: Mapping[str, Any]) -> int:
    """Delete what stands under the PK of a ticket (its key, as DynamoDB's JSON) and return how many items that was.

    Every transaction checks that the ticket is gone; of one that is there, nothing (more) is deleted. Newest first, so
    that the first event goes last: until then it keeps the ticket's id from being taken again by a late repeat of an
    Idempotency-Key, and a new ticket never meets the old one's history. Can be repeated after it broke off.
    """
    gone: TransactWriteItemTypeDef = {
        "ConditionCheck": {"TableName": table, "Key": ticket, "ConditionExpression": "attribute_not_exists(PK)"}
    }
    deleted = 0
    while (keys := _last_keys(client, table, ticket)) and ticket not in keys:
        deletes: list[TransactWriteItemTypeDef] = [{"Delete": {"TableName": table, "Key": key}} for key in keys]
        try:
            client.transact_write_items(TransactItems=[gone, *deletes])
        except client.exceptions.TransactionCanceledException as error:
            if reasons(error)[0].get("Code") == "ConditionalCheckFailed":
                break
            raise
        deleted += len(keys)
    return deleted


def _last_keys(client: DynamoDBClient, table: str, ticket: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the keys of the last items under a ticket's PK, the ticket itself (the very last) included."""
    answer = client.query(
        TableName=table,
        KeyConditionExpression="PK = :pk",
        ExpressionAttributeValues={":pk": ticket["PK"]},
        ProjectionExpression="PK, SK",
        ConsistentRead=True,
        ScanIndexForward=False,
        Limit=_AT_ONCE,
    )
    return answer["Items"]
