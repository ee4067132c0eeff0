"""Strict isolation: credentials for one tenant's items only.

The function assumes its own role again, with a session policy for the tenant. The session may do what both policies
allow: the actions and attributes of the operation (least privilege), on the items of the tenant. See
docs/decisions/0010-tenants-apart-in-iam.md.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from ticketing import clock
from ticketing.access.identity import TENANT_ID
from ticketing.deployment import DEPLOYMENT
from ticketing.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sts import STSClient

LIFETIME: Final = timedelta(minutes=15)
"""How long credentials are valid: the minimum of STS."""

MARGIN: Final = timedelta(minutes=5)
"""How long before they expire credentials are renewed. No function runs longer."""

MOST: Final = 64
"""How many tenants' clients an execution environment caches (least recently used)."""

_ACTIONS: Final = ("BatchGetItem", "ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem")


def session_policy(tenant_id: str) -> str:
    """Return the session policy that limits a role to one tenant's items, as JSON.

    The leading key is the partition key of the table or index. `NAME#` items claim the names of tenants, which are
    unique among all tenants; they contain a tenant's id and nothing else. `ADDRESS#` items say until when an address
    gets no other email about invitations, whoever invites it; their keys are hashes.

    Raises
    ------
    ValueError
        This is not a tenant's id; a `*` in it would match other tenants.
    """
    if not TENANT_ID.fullmatch(tenant_id):
        message = "a session needs a tenant's id"
        raise ValueError(message)
    items = {
        "Effect": "Allow",
        "Action": [f"dynamodb:{action}" for action in _ACTIONS],
        "Resource": "*",
        "Condition": {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"TENANT#{tenant_id}#*", "ADDRESS#*", "NAME#*"]},
            # ForAllValues is true for a request without the key, which a Scan is.
            "Null": {"dynamodb:LeadingKeys": "false"},
        },
    }
    # The tables' KMS key, which DynamoDB uses on behalf of the caller. The key's own policy allows it to all principals
    # that use DynamoDB; the session policy must allow it, too.
    key = {
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        "Resource": "*",
        "Condition": {"StringLike": {"kms:ViaService": "dynamodb.*.amazonaws.com"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [items, key]}, separators=(",", ":"))


class TenantSessions:
    """DynamoDB clients, one per tenant, each with credentials for that tenant alone.

    `make_client` gets an access key id, a secret access key and a session token.
    """

    def __init__(self, client: STSClient, role: str, make_client: Callable[[str, str, str], DynamoDBClient]) -> None:
        self._sts = client
        self._role = role
        self._make_client = make_client
        self._kept: OrderedDict[str, tuple[DynamoDBClient, datetime]] = OrderedDict()

    def client(self, tenant_id: str) -> DynamoDBClient:
        """Return the tenant's client, with credentials that are valid for at least five minutes.

        Raises
        ------
        ValueError
            This is not a tenant's id.
        ServiceUnavailableError
            STS returned no credentials.
        """
        kept = self._kept.get(tenant_id)
        if kept and clock.now() < kept[1] - MARGIN:
            self._kept.move_to_end(tenant_id)
            return kept[0]
        self._kept[tenant_id] = made = self._assumed(tenant_id)
        self._kept.move_to_end(tenant_id)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return made[0]

    def _assumed(self, tenant_id: str) -> tuple[DynamoDBClient, datetime]:
        try:
            credentials = self._sts.assume_role(
                RoleArn=self._role,
                RoleSessionName=DEPLOYMENT.function_name,  # CloudTrail shows it beside each call
                Policy=session_policy(tenant_id),
                DurationSeconds=int(LIFETIME.total_seconds()),
            )["Credentials"]
        except (BotoCoreError, ClientError) as error:
            message = "STS returned no credentials for this tenant's data. Nothing was read or written."
            raise ServiceUnavailableError(message) from error
        client = self._make_client(
            credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]
        )
        return client, credentials["Expiration"]
