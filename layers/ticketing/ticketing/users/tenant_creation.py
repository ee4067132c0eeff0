"""Creating a tenant: a person who signed up and has no tenant founds one and is its first admin.

One transaction writes the tenant, its first user, and the claims to both, marked as pending. API Gateway and Cognito
are updated afterwards. If this is interrupted, a retry of the request or reconcileUsers continues from the marks.
"""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from ticketing import clock, ids
from ticketing.access.identity import Caller
from ticketing.access.permissions import Operation
from ticketing.access.roles import Role
from ticketing.aws import clients
from ticketing.aws.data import of_tenant
from ticketing.deployment import DEPLOYMENT
from ticketing.dynamodb.transactions import VersionConflictError, until_written
from ticketing.errors import (
    ConflictError,
    ForbiddenError,
    ServiceUnavailableError,
    UnauthorizedError,
)
from ticketing.text import folded
from ticketing.users.audited import tenant_changed
from ticketing.users.changes import sync_account
from ticketing.users.claims import Claims, NameTakenError
from ticketing.users.errors import TenantNameTakenError
from ticketing.users.joining import joining
from ticketing.users.models import User
from ticketing.users.operations import new_person
from ticketing.users.repository import UserRepository
from ticketing.users.rows import user_item
from ticketing.users.states import PENDING, TenantState
from ticketing.users.tenant_models import Tenant, TenantCreate, TenantSettings
from ticketing.users.tenant_repository import TenantRepository
from ticketing.users.usage_plan import UsagePlanNotFoundError, usage_plan
from ticketing.users.user_pool import Account, user_pool


def create_tenant(caller: Caller, body: TenantCreate) -> Tenant:
    """Create a tenant for a newcomer and return it. A retry with the same name returns the same tenant.

    Raises
    ------
    UnauthorizedError, ForbiddenError
        The account was deleted or disabled; its address is not verified.
    ConflictError, TenantNameTakenError
        The account belongs to a tenant or has founded another; another tenant has the name.
    ServiceUnavailableError
        The tenant is recorded and will be ready within minutes.
    """
    user_id = caller.user_id
    account = user_pool().get_account(user_id)
    if account is None or not account.enabled:
        message = "The account was deleted or disabled."
        raise UnauthorizedError(message)
    claims = Claims(clients.dynamodb(), DEPLOYMENT.tables.users)

    def attempt() -> Tenant:
        founded = claims.tenant_founded_by(user_id)
        if founded is not None:
            return _created_before(founded, account, body)
        joins = joining(account)
        if not account.email_verified:
            message = "The account's e-mail address is not verified."
            raise ForbiddenError(message)
        tenant, founder = _new(account, body)
        record = tenant_changed(Operation.CREATE_TENANT, caller, None, tenant)
        item = TenantRepository(of_tenant(tenant.id)).item_of(tenant)
        claims.create_tenant(item, user_item(founder), tenant.name, alongside=[record, joins.write(tenant.id)])
        return tenant

    try:
        tenant = until_written(attempt)
    except NameTakenError as error:
        raise TenantNameTakenError from error
    try:
        finish_tenant(tenant.id)
    except (BotoCoreError, ClientError, UsagePlanNotFoundError) as error:
        message = "The tenant is recorded and will be ready within minutes. Repeat the request to have it at once."
        raise ServiceUnavailableError(message) from error
    return tenant


def finish_tenant(tenant_id: str) -> None:
    """Add a pending tenant to API Gateway and Cognito; without a pending tenant, do nothing.

    Raises
    ------
    Exception
        Any error of AWS. The tenant stays pending, and this can be retried.
    """
    tenants = TenantRepository(of_tenant(tenant_id))
    tenant = tenants.get()
    if tenant is None or tenant.state is not TenantState.ACTIVE or tenant.task_key != PENDING:
        return
    usage_plan().ensure_key(tenant_id)
    users = UserRepository(of_tenant(tenant_id))
    founder = users.get(tenant.founded_by_id)
    if founder is not None and founder.task_key == PENDING:
        sync_account(users, user_pool(), founder)
    tenants.clear_pending()


def _created_before(tenant_id: str, account: Account, body: TenantCreate) -> Tenant:
    """Return the tenant that the account founded, if the request is a retry of that."""
    tenant = TenantRepository(of_tenant(tenant_id)).get()
    if tenant is None:
        raise VersionConflictError  # it was deleted between the two reads
    if tenant.state is not TenantState.ACTIVE:
        message = "The tenant that the account founded is being deleted. Another can be founded after that."
        raise ConflictError(message)
    if folded(tenant.name) != folded(body.name) or account.tenant_id not in {"", tenant_id}:
        message = "The account has founded a tenant already. Refresh its tokens to act for it."
        raise ConflictError(message)
    return tenant


def _new(account: Account, body: TenantCreate) -> tuple[Tenant, User]:
    now = clock.timestamp(clock.now())
    tenant = Tenant(
        id=ids.new_id(),
        name=body.name,
        state=TenantState.ACTIVE,
        settings=TenantSettings(),
        admins=1,
        founded_by_id=account.id,
        version=1,
        created_at=now,
        updated_at=now,
        task_key=PENDING,
        task_since=now,
    )
    founder = new_person(account, tenant.id, Role.ADMIN, name=body.admin_name)
    return tenant, founder.model_copy(update={"task_key": PENDING, "task_since": now})
