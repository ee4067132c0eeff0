"""Where a tenant's data is: the one place where repositories get their client and their tables from.

A repository is made of the `TenantData` of its tenant, and of nothing else that says which tenant that is:

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
    """The tables, and the client that reads and writes one tenant's items in them.

    Raises
    ------
    ValueError
        This is no tenant's id: the keys might be another's.
    """

    client: DynamoDBClient
    tables: Tables
    tenant_id: str

    def __post_init__(self) -> None:
        if not TENANT_ID.fullmatch(self.tenant_id):
            message = "a repository needs a tenant's id"
            raise ValueError(message)


def of_caller(caller: Caller) -> TenantData:
    """Return the data of the caller's tenant; under strict isolation, with credentials that reach no other tenant's.

    Raises
    ------
    ValueError
        The caller belongs to no tenant.
    ServiceUnavailableError
        STS returned no credentials.
    """
    return TenantData(clients.dynamodb_for(caller.tenant_id), DEPLOYMENT.tables, caller.tenant_id)


def of_tenant(tenant_id: str) -> TenantData:
    """Return the data of any tenant, for work that belongs to no caller: consumers, schedules, authorizers."""
    return TenantData(clients.dynamodb(), DEPLOYMENT.tables, tenant_id)
