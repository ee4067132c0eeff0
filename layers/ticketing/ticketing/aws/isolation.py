"""Strict isolation: credentials for one tenant's items, and its files, only.

The function assumes its own role again, with a session policy for the tenant. The session may do what both policies
allow: the actions and attributes of the operation (least privilege), on the items and objects of the tenant. See
docs/decisions/0010-tenants-apart-in-iam.md.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

from ticketing import clock
from ticketing.access.identity import TENANT_ID
from ticketing.deployment import DEPLOYMENT
from ticketing.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

LIFETIME: Final = timedelta(minutes=45)
"""How long credentials are valid. STS allows an hour to a role that assumes a role."""

MARGIN: Final = timedelta(minutes=20)
"""How long before they expire credentials are renewed. An address of a file dies with the credentials that signed it:
none is good for longer than 15 minutes, and no function runs longer."""

MOST: Final = 64
"""How many tenants' sessions an execution environment caches (least recently used)."""

_SEARCH_INDEX: Final = re.compile(r"tickets-(?:(?P<id>[0-9a-z_-]+)|\.(?P<hex>(?:[0-9a-f]{2})+))\..+")

_ACTIONS: Final = ("BatchGetItem", "ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem")


def search_alias(tenant_id: str) -> str:
    """Return the name of a tenant's search index in OpenSearch; those of all of its indexes begin so, and with a dot.

    It has no capital letters, which OpenSearch does not take. A tenant's id has no dot, so no name begins another's.

    Raises
    ------
    ValueError
        This is not a tenant's id: the index might be another tenant's.
    """
    if not TENANT_ID.fullmatch(tenant_id):
        message = "an index needs a tenant's id"
        raise ValueError(message)
    return f"tickets-{tenant_id}" if tenant_id == tenant_id.lower() else f"tickets-.{tenant_id.encode().hex()}"


def tenant_of_search_index(name: str) -> str | None:
    """Return whose index has this name; None if it is none of these."""
    match = _SEARCH_INDEX.fullmatch(name)
    if match is None:
        return None
    return match["id"] or bytes.fromhex(match["hex"]).decode()


def session_policy(tenant_id: str, *buckets: str, domain: str | None = None) -> str:
    """Return the session policy that limits a role to one tenant's items, and objects of buckets (their ARNs), as JSON.

    `domain` is the ARN of the OpenSearch domain that has its indexes, if any.

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
    statements = [items, key, *(_object_statements(tenant_id, buckets) if buckets else ())]
    if domain is not None:
        statements.append(_search_statement(tenant_id, domain))
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


def _object_statements(tenant_id: str, buckets: Sequence[str]) -> list[dict[str, Any]]:
    """Return the statements for a tenant's objects, whose keys all start with its id, and for listing them."""
    objects = {
        "Effect": "Allow",
        "Action": ["s3:DeleteObjectVersion", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"],
        "Resource": [f"{bucket}/{tenant_id}/*" for bucket in buckets],
    }
    listing = {
        "Effect": "Allow",
        "Action": "s3:ListBucketVersions",
        "Resource": [*buckets],
        "Condition": {"StringLike": {"s3:prefix": f"{tenant_id}/*"}},
    }
    return [objects, listing]


def _search_statement(tenant_id: str, domain: str) -> dict[str, Any]:
    """Return the statement for searching a tenant's indexes.

    A search at a point in time names no index, but only whoever made the point knows what it is called. Its answers are
    limited to the tenant by a condition of the query.
    """
    alias = search_alias(tenant_id)
    # A `*` also stands for slashes: no path may begin with one.
    paths = (f"{alias}/*", f"{alias}.*", "_search", "_search/point_in_time")
    return {
        "Effect": "Allow",
        "Action": ["es:ESHttpDelete", "es:ESHttpPost"],
        "Resource": [f"{domain}/{path}" for path in paths],
    }


@dataclass(frozen=True, slots=True)
class _Session:
    """Credentials for one tenant, and the clients that were made with them, by their services."""

    credentials: Credentials
    expires: datetime
    clients: dict[str, Any] = field(default_factory=dict)


class TenantSessions:
    """Credentials for one tenant alone, and clients with them. `make_client` gets a service and credentials."""

    def __init__(self, client: STSClient, role: str, make_client: Callable[[str, Credentials], Any]) -> None:
        self._sts = client
        self._role = role
        self._make_client = make_client
        self._kept: OrderedDict[str, _Session] = OrderedDict()

    def client(self, tenant_id: str, service: str) -> Any:  # noqa: ANN401 - the service's client
        """Return the tenant's client of a service; raises as `credentials` does."""
        session = self._session(tenant_id)
        if service not in session.clients:
            session.clients[service] = self._make_client(service, session.credentials)
        return session.clients[service]

    def credentials(self, tenant_id: str) -> Credentials:
        """Return the tenant's credentials, which are valid for at least twenty minutes.

        Raises
        ------
        ValueError
            This is not a tenant's id.
        ServiceUnavailableError
            STS returned no credentials.
        """
        return self._session(tenant_id).credentials

    def _session(self, tenant_id: str) -> _Session:
        kept = self._kept.get(tenant_id)
        if kept and clock.now() < kept.expires - MARGIN:
            self._kept.move_to_end(tenant_id)
            return kept
        self._kept[tenant_id] = made = self._assumed(tenant_id)
        self._kept.move_to_end(tenant_id)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return made

    def _assumed(self, tenant_id: str) -> _Session:
        partition = self._role.split(":")[1]
        buckets = (f"arn:{partition}:s3:::{bucket}" for bucket in DEPLOYMENT.buckets)
        try:
            answer = self._sts.assume_role(
                RoleArn=self._role,
                RoleSessionName=DEPLOYMENT.function_name,  # CloudTrail shows it beside each call
                Policy=session_policy(tenant_id, *buckets, domain=DEPLOYMENT.search_domain),
                DurationSeconds=int(LIFETIME.total_seconds()),
            )["Credentials"]
        except (BotoCoreError, ClientError) as error:
            message = "STS returned no credentials for this tenant's data. Nothing was read or written."
            raise ServiceUnavailableError(message) from error
        made = Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])
        return _Session(made, answer["Expiration"])
