"""Accepting an invitation: who proved an address chooses one of the tenants that invite it.

The row is written first, marked as pending. Then Cognito gets the account's tenant and group, as after any change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ticketing import clock
from ticketing.access.identity import TENANT_ID
from ticketing.access.permissions import Operation
from ticketing.aws import clients
from ticketing.aws.data import of_tenant
from ticketing.deployment import DEPLOYMENT
from ticketing.dynamodb.transactions import until_written
from ticketing.errors import ConflictError, ForbiddenError, UnauthorizedError
from ticketing.text import folded
from ticketing.users.audited import user_changed
from ticketing.users.changes import report_as_recorded, sync_account
from ticketing.users.errors import InvitationNotFoundError, TenantNotFoundError
from ticketing.users.joining import OTHER_TENANT, joining
from ticketing.users.operations import next_version
from ticketing.users.repository import UserRepository, invitations_to
from ticketing.users.states import PENDING, TenantState
from ticketing.users.tenant_repository import TenantRepository
from ticketing.users.user_pool import user_pool

if TYPE_CHECKING:
    from ticketing.access.identity import Caller
    from ticketing.users.models import User
    from ticketing.users.user_pool import Account

MOST_SHOWN = 100
"""The most invitations that are listed; those that expire last come first."""


def list_invitations(user_id: str) -> list[dict[str, Any]]:
    """Return the invitations that the account can accept, as the contract shows them."""
    now = clock.timestamp(clock.now())
    shown: list[dict[str, Any]] = []
    for user in invitations_to(clients.dynamodb(), DEPLOYMENT.tables.users, user_id):
        if len(shown) == MOST_SHOWN or not user.may_accept(now):
            break
        tenant = TenantRepository(of_tenant(user.tenant_id)).get()
        if tenant is not None and tenant.state is TenantState.ACTIVE:
            shown.append(
                {"id": tenant.id, "tenantName": tenant.name, "role": user.role.value, "expiresAt": user.invited_until}
            )
    return shown


def accept_invitation(caller: Caller, invitation_id: str) -> User:
    """Make the account a user of the tenant that invites it, and return the user. A retry returns the same one.

    Raises
    ------
    UnauthorizedError, ForbiddenError
        The account was deleted; its address is not verified.
    InvitationNotFoundError, ConflictError
        The tenant does not invite the account any more; the account belongs to another.
    ServiceUnavailableError
        It is recorded, but Cognito is not updated yet.
    """
    if not TENANT_ID.fullmatch(invitation_id):
        raise InvitationNotFoundError
    user_id = caller.user_id
    account = _account_of(user_id)
    users = UserRepository(of_tenant(invitation_id))

    def attempt() -> User:
        before = users.get(user_id)
        if before is not None and before.active and not before.is_invited:
            return before
        joins = joining(account, invitation_id)
        now = clock.timestamp(clock.now())
        if before is None or not before.may_accept(now) or not _is_addressed(before, account):
            raise InvitationNotFoundError
        after = next_version(before, {"invited_until": None, "task_key": PENDING, "task_since": now})
        record = user_changed(Operation.ACCEPT_INVITATION, caller, before, after)
        users.update_access(before, after, alongside=[record, joins.write(invitation_id)])
        return after

    try:
        user = until_written(attempt)
    except TenantNotFoundError as error:
        raise InvitationNotFoundError from error
    if user.task_key == PENDING:
        with report_as_recorded():
            user = sync_account(users, user_pool(), user)
    if not user.active:
        raise ConflictError(OTHER_TENANT)
    return user


def _account_of(user_id: str) -> Account:
    """Return the account, if it has proved its address."""
    account = user_pool().get_account(user_id)
    if account is None or not account.enabled:
        message = "The account was deleted or disabled."
        raise UnauthorizedError(message)
    if not account.email_verified:
        message = "The account's e-mail address is not verified."
        raise ForbiddenError(message)
    return account


def _is_addressed(user: User, account: Account) -> bool:
    """Return whether the invited address is the account's still."""
    return folded(user.email or "") == folded(account.email)
