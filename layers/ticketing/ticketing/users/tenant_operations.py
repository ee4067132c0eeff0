"""What the tenant operations share: finding, changing and presenting the caller's tenant."""

from typing import Any

from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.access.permissions import Operation
from ticketing.aws.data import of_caller, of_tenant
from ticketing.dynamodb.transactions import until_written
from ticketing.errors import PreconditionFailedError
from ticketing.users.audited import tenant_changed
from ticketing.users.claims import NameTakenError
from ticketing.users.errors import TenantNameTakenError, TenantNotFoundError
from ticketing.users.states import TenantState
from ticketing.users.tenant_models import SettingsUpdate, Tenant, TenantUpdate
from ticketing.users.tenant_repository import TenantRepository

_SHOWN = {"id", "name", "settings", "version", "created_at", "updated_at"}


def is_active(tenant_id: str) -> bool:
    """Return whether a tenant is active: one consistent read, for consumers, which have no caller."""
    tenant = TenantRepository(of_tenant(tenant_id)).get()
    return tenant is not None and tenant.state is TenantState.ACTIVE


def find_tenant(tenant: Tenant | None, expected_version: int | None = None) -> Tenant:
    """Return the tenant that was read, if it is active and its version is as expected.

    Raises
    ------
    TenantNotFoundError, PreconditionFailedError
        It does not exist or is being deleted; it has another version.
    """
    if tenant is None or tenant.state is not TenantState.ACTIVE:
        raise TenantNotFoundError
    if expected_version is not None and tenant.version != expected_version:
        raise PreconditionFailedError
    return tenant


def update_tenant(caller: Caller, body: TenantUpdate, expected_version: int | None) -> Tenant:
    """Update a tenant's name and settings and return it; equal values are no change.

    Raises
    ------
    TenantNotFoundError, PreconditionFailedError, TenantNameTakenError
        As `find_tenant` says; another tenant has the name.
    """
    tenants = TenantRepository(of_caller(caller))
    name = {"name": body.name} if "name" in body.model_fields_set else {}
    wanted = _sent(body.settings) if "settings" in body.model_fields_set else {}

    def attempt() -> Tenant:
        before = find_tenant(tenants.get(), expected_version)
        settings = before.settings.model_copy(update=wanted)
        after = before.model_copy(update=name | {"settings": settings})
        if after == before:
            return before
        counted = {"version": before.version + 1, "updated_at": clock.timestamp(clock.now())}
        after = after.model_copy(update=counted)
        record = tenant_changed(Operation.UPDATE_TENANT, caller, before, after)
        tenants.update(before, after, alongside=[record])
        return after

    try:
        return until_written(attempt)
    except NameTakenError as error:
        raise TenantNameTakenError from error


def _sent(settings: SettingsUpdate) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in settings.model_fields_set}


def presented(tenant: Tenant) -> dict[str, Any]:
    """Return the tenant as the contract shows it."""
    return tenant.model_dump(mode="json", by_alias=True, include=_SHOWN)
