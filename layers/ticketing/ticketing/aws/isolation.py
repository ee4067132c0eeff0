"""Strict isolation: credentials that reach one tenant's items, made of the function's own role.

The role is assumed once more, by itself, with a session policy that names the tenant. What the session may do is what
both allow: the actions and attributes of the operation, on the items of the tenant. See
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
"""How long credentials are valid: the shortest that STS gives."""

MARGIN: Final = timedelta(minutes=5)
"""How long before their end credentials are renewed: longer than any function runs."""

MOST: Final = 64
"""How many tenants' clients an execution environment keeps; the one not used for longest goes first."""

_ACTIONS: Final = ("BatchGetItem", "ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem")


def session_policy(tenant_id: str) -> str:
    """Return the policy that narrows a role to one tenant's items, as JSON.

    The leading key is the partition key of the table or index that is asked. `NAME#` claims a tenant's name, which is
    unique among all tenants; such an item holds a tenant's id and nothing else.

    Raises
    ------
    ValueError
        This is no tenant's id; a `*` in one would reach further than one tenant.
    """
    if not TENANT_ID.fullmatch(tenant_id):
        message = "a session needs a tenant's id"
        raise ValueError(message)
    items = {
        "Effect": "Allow",
        "Action": [f"dynamodb:{action}" for action in _ACTIONS],
        "Resource": "*",
        "Condition": {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"TENANT#{tenant_id}#*", "NAME#*"]},
            # ForAllValues holds for a request without the key: a Scan.
            "Null": {"dynamodb:LeadingKeys": "false"},
        },
    }
    # The tables' key, which DynamoDB uses for whoever calls it. The role has no such right to hand on: the key's own
    # policy gives it to all who may use DynamoDB, and a session must not take it away.
    key = {
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        "Resource": "*",
        "Condition": {"StringLike": {"kms:ViaService": "dynamodb.*.amazonaws.com"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [items, key]}, separators=(",", ":"))


class TenantSessions:
    """DynamoDB clients, one per tenant, each with credentials for that tenant alone.

    `make_client` takes an access key's id, its secret and a session token.
    """

    def __init__(self, client: STSClient, role: str, make_client: Callable[[str, str, str], DynamoDBClient]) -> None:
        self._sts = client
        self._role = role
        self._make_client = make_client
        self._kept: OrderedDict[str, tuple[DynamoDBClient, datetime]] = OrderedDict()

    def client(self, tenant_id: str) -> DynamoDBClient:
        """Return the tenant's client, with credentials that last for at least five minutes.

        Raises
        ------
        ValueError
            This is no tenant's id.
        ServiceUnavailableError
            STS gives no credentials.
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
            message = "Credentials for this tenant's data can't be had right now. Nothing was read or written."
            raise ServiceUnavailableError(message) from error
        client = self._make_client(
            credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]
        )
        return client, credentials["Expiration"]
