"""A tenant's data: the only place where repositories get their client, their tables or bucket, and their tenant from.

A repository is created with the `TenantData` of its tenant:

    TicketRepository(of_caller(caller))
    WebhookRepository(of_tenant(event.tenant_id))
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ticketing.access.identity import TENANT_ID
from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT, Tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.credentials import Credentials
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

    from ticketing.access.identity import Caller


@dataclass(frozen=True, slots=True)
class TenantData:
    """The tables, and the client for one tenant's items in them.

    Raises
    ------
    ValueError
        This is not a tenant's id: the keys might be another tenant's.
    """

    client: DynamoDBClient
    tables: Tables
    tenant_id: str

    def __post_init__(self) -> None:
        if not TENANT_ID.fullmatch(self.tenant_id):
            message = "a repository needs a tenant's id"
            raise ValueError(message)


def of_caller(caller: Caller) -> TenantData:
    """Return the data of the caller's tenant. With strict isolation, the credentials allow no other tenant's.

    Raises
    ------
    ValueError
        The caller belongs to no tenant.
    ServiceUnavailableError
        STS returned no credentials.
    """
    return TenantData(clients.dynamodb_for(caller.tenant_id), DEPLOYMENT.tables, caller.tenant_id)


def of_tenant(tenant_id: str) -> TenantData:
    """Return the data of any tenant, for work without a caller: consumers, schedules, authorizers."""
    return TenantData(clients.dynamodb(), DEPLOYMENT.tables, tenant_id)


@dataclass(frozen=True, slots=True)
class TenantFiles:
    """A bucket, for one tenant's objects in it: all of their keys start with its id and a slash.

    `client` and `credentials` are asked when they are needed: an S3 client takes a while to make, and addresses are
    signed without one.

    Raises
    ------
    ValueError
        This is not a tenant's id: the keys might be another tenant's.
    """

    client: Callable[[], S3Client]
    credentials: Callable[[], Credentials]
    bucket: str
    tenant_id: str

    def __post_init__(self) -> None:
        if not TENANT_ID.fullmatch(self.tenant_id):
            message = "files need a tenant's id"
            raise ValueError(message)


def files_of_caller(caller: Caller) -> TenantFiles:
    """Return the files of the caller's tenant, isolated as `of_caller`; asking for client or credentials may raise."""
    return _of_caller(caller, DEPLOYMENT.attachments_bucket)


def files_of_tenant(tenant_id: str) -> TenantFiles:
    """Return the files of any tenant, for work without a caller."""
    return _of_tenant(tenant_id, DEPLOYMENT.attachments_bucket)


def packs_of_caller(caller: Caller) -> TenantFiles:
    """Return the search indexes of the caller's tenant, isolated as `files_of_caller`."""
    return _of_caller(caller, DEPLOYMENT.search_bucket)


def packs_of_tenant(tenant_id: str) -> TenantFiles:
    """Return the search indexes of any tenant, for work without a caller."""
    return _of_tenant(tenant_id, DEPLOYMENT.search_bucket)


@dataclass(frozen=True, slots=True)
class Cluster:
    """An OpenSearch cluster, by its URL. `credentials` sign the requests to it."""

    endpoint: str
    credentials: Callable[[], Credentials]


def cluster_of_caller(caller: Caller) -> Cluster:
    """Return the cluster, for searching the indexes of the caller's tenant, isolated as `files_of_caller`."""
    return Cluster(DEPLOYMENT.search_endpoint, partial(clients.credentials_for, caller.tenant_id))


def cluster() -> Cluster:
    """Return the cluster with the indexes of all tenants, for work without a caller."""
    return Cluster(DEPLOYMENT.search_endpoint, clients.credentials)


def _of_caller(caller: Caller, bucket: str) -> TenantFiles:
    tenant_id = caller.tenant_id
    client, credentials = partial(clients.s3_for, tenant_id), partial(clients.credentials_for, tenant_id)
    return TenantFiles(client, credentials, bucket, tenant_id)


def _of_tenant(tenant_id: str, bucket: str) -> TenantFiles:
    return TenantFiles(clients.s3, clients.credentials, bucket, tenant_id)
