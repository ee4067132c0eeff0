"""A tenant's data: the only place where repositories get their client, their tables and their tenant from.

A repository is created with the `TenantData` of its tenant:

    TicketRepository(of_caller(caller))
    WebhookRepository(of_tenant(event.tenant_id))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ticketing.access.identity import TENANT_ID
from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT, Tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

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
