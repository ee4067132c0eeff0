"""Find out whether DynamoDB names the attributes of a transaction to IAM (`dynamodb:Attributes`), and say what follows.

AWS documents this key for single calls and says nothing of the members of a transaction. What only the lifecycle state
machine can write (docs/decisions/0006-roles-by-hand.md) rests on it. It is the last line of `make smoke`.

The caller needs `sts:AssumeRole` of the stack's SmokeRole. That role may update one
partition that nothing else uses, and there one attribute. Two transactions are tried: one sets this attribute, the
other one `status`. Both have a condition that fails, so nothing is written: IAM refuses them, or the condition does.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import boto3
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb import DynamoDBClient

PARTITION: Final = "SMOKE"
LISTED: Final = "listed"
"""The attribute that the role may write."""
UNLISTED: Final = "status"

_SECONDS: Final = 30.0
"""How long IAM may take to know a new role everywhere."""
_PAUSE: Final = 2.0
_DECISION: Final = "docs/decisions/0024-attribute-conditions.md"


class Level(StrEnum):
    """How good a finding is; an ERROR makes a deployment fail."""

    OK = "OK"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True)
class Finding:
    """What was found out, in a sentence or two for whoever deploys."""

    level: Level
    text: str


NAMED: Final = Finding(
    Level.OK,
    "DynamoDB names the attributes of a transaction to IAM, and AttributeConditions=required denies a write "
    "without them: only the state machine and createTicket can write a ticket's status.",
)
NAMED_IF_PRESENT: Final = Finding(
    Level.OK,
    "DynamoDB names the attributes of a transaction to IAM: only the state machine and createTicket can write a "
    f"ticket's status. Set AttributeConditions=required, so that a write without them is denied, too ({_DECISION}).",
)
NOT_NAMED: Final = Finding(
    Level.WARNING,
    "DynamoDB does not name the attributes of a transaction to IAM, so IAM does not limit what a function writes: that "
    f"only the state machine changes a ticket's status is left to the code and its tests ({_DECISION}).",
)
NOT_NAMED_BUT_REQUIRED: Final = Finding(
    Level.ERROR,
    "DynamoDB does not name the attributes of a transaction to IAM, so with AttributeConditions=required IAM denies "
    f"every write of a ticket. Deploy with AttributeConditions=ifPresent ({_DECISION}).",
)
NO_KEYS: Final = Finding(
    Level.WARNING,
    "IAM denies the SmokeRole what it lists. DynamoDB does not name the partition keys of a transaction: with "
    "TenantIsolation=strict nothing could be written. About the attributes nothing was found out.",
)


def check(session: boto3.Session, outputs: Mapping[str, str], *, seconds: float = _SECONDS) -> Finding:
    """Return what DynamoDB tells IAM about transactions.

    Parameters
    ----------
    session
        Whose credentials may assume the SmokeRole, and whose Region the stack is in.
    outputs
        The outputs of the stack.
    seconds
        How long a refusal of the role's own attribute may come from IAM not knowing the role yet.

    Raises
    ------
    ClientError
        The role could not be assumed, or DynamoDB failed in another way than by refusing.
    """
    given = session.client("sts").assume_role(RoleArn=outputs["SmokeRoleArn"], RoleSessionName="smoke")["Credentials"]
    client = boto3.Session(
        given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=session.region_name
    ).client("dynamodb")
    table, end = outputs["TicketsTableName"], time.monotonic() + seconds
    while not _is_allowed(client, table, LISTED):
        if time.monotonic() >= end:
            return NO_KEYS
        time.sleep(_PAUSE)
    required = outputs["AttributeConditions"] == "required"
    if _is_allowed(client, table, UNLISTED):
        return NOT_NAMED_BUT_REQUIRED if required else NOT_NAMED
    return NAMED if required else NAMED_IF_PRESENT


def _is_allowed(client: DynamoDBClient, table: str, attribute: str) -> bool:
    """Return whether IAM allows a transaction that sets an attribute. Its condition fails, so nothing is written."""
    try:
        client.transact_write_items(
            TransactItems=[
                {
                    "Update": {
                        "TableName": table,
                        "Key": {"PK": {"S": PARTITION}, "SK": {"S": PARTITION}},
                        "ConditionExpression": "attribute_exists(PK)",
                        "UpdateExpression": "SET #attribute = :value",
                        "ExpressionAttributeNames": {"#attribute": attribute},
                        "ExpressionAttributeValues": {":value": {"S": PARTITION}},
                    }
                }
            ]
        )
    except client.exceptions.TransactionCanceledException:
        return True
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDeniedException":
            raise
        return False
    return True
