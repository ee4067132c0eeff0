"""What the tenant operations share: finding a tenant for its caller, changing it, and presenting it."""

import os
from typing import Any

from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.aws import clients
from ticketing.dynamodb.transactions import until_written
from ticketing.errors import PreconditionFailedError
from ticketing.users.claims import NameTakenError
from ticketing.users.errors import TenantNameTakenError, TenantNotFoundError
from ticketing.users.tenant_models import Tenant, TenantState, TenantUpdate
from ticketing.users.tenant_repository import TenantRepository

_SHOWN = {"id", "name", "settings", "version", "created_at", "updated_at"}


def tenant_of(caller: Caller) -> TenantRepository:
    """Return where the caller's tenant lives."""
    client = clients.dynamodb_for(caller.tenant_id)
    return TenantRepository(client, os.environ["USERS_TABLE"], os.environ["TICKETS_TABLE"], caller.tenant_id)


def tenant_with_id(tenant_id: str) -> TenantRepository:
    """Return where any tenant lives, for what is done on no caller's behalf."""
    return TenantRepository(clients.dynamodb(), os.environ["USERS_TABLE"], os.environ["TICKETS_TABLE"], tenant_id)


def is_active(tenant_id: str) -> bool:
    """Return whether a tenant is there and not being deleted: one read, for work that nobody asked for."""
    tenant = tenant_with_id(tenant_id).get()
    return tenant is not None and tenant.state is TenantState.ACTIVE


def find_tenant(tenant: Tenant | None, expected_version: int | None = None) -> Tenant:
    """Return the tenant that was read, if it is active and in the version expected.

    Raises
    ------
    TenantNotFoundError, PreconditionFailedError
        It is not there or being deleted; it has another version.
    """
    if tenant is None or tenant.state is not TenantState.ACTIVE:
        raise TenantNotFoundError
    if expected_version is not None and tenant.version != expected_version:
        raise PreconditionFailedError
    return tenant


def edit_tenant(caller: Caller, body: TenantUpdate, expected_version: int | None) -> Tenant:
    """Set a tenant's name and settings and return it; what is the same already is no change.

    Raises
    ------
    TenantNotFoundError, PreconditionFailedError, TenantNameTakenError
        As `find_tenant` says; another tenant has the name.
    """
    tenants = tenant_of(caller)
    wanted = body.model_dump(exclude_unset=True)

    def attempt() -> Tenant:
        before = find_tenant(tenants.get(), expected_version)
        settings = before.settings.model_copy(update=wanted.get("settings", {}))
        after = before.model_copy(update={"name": wanted.get("name", before.name), "settings": settings})
        if after == before:
            return before
        counted = {"version": before.version + 1, "updated_at": clock.timestamp(clock.now())}
        after = after.model_copy(update=counted)
        tenants.update(before, after)
        return after

    try:
        return until_written(attempt)
    except NameTakenError as error:
        raise TenantNameTakenError from error


def presented(tenant: Tenant) -> dict[str, Any]:
    """Return the tenant as the contract shows it."""
    return tenant.model_dump(mode="json", by_alias=True, include=_SHOWN)
