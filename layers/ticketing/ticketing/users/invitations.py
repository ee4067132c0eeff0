"""Inviting somebody: an account in Cognito, mailed to its owner, and a row in the table.

The invitation is written first, so that one that was cut off is finished by whoever comes next: the same request
repeated, or reconcileUsers. It goes in the transaction that writes the user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketing import clock
from ticketing.aws.data import of_caller
from ticketing.dynamodb.transactions import VersionConflictError, until_written
from ticketing.errors import BadRequestError
from ticketing.users.changes import report_as_recorded, sync_account
from ticketing.users.errors import EmailDomainNotAllowedError, UserExistsError
from ticketing.users.models import Invitation, User
from ticketing.users.operations import new_person
from ticketing.users.repository import RowExistsError, UserRepository
from ticketing.users.rules import check_admins
from ticketing.users.tenant_operations import find_tenant
from ticketing.users.tenant_repository import TenantRepository
from ticketing.users.user_pool import (
    NEVER_SIGNED_IN,
    UNCONFIRMED,
    AccountNotFoundError,
    EmailRejectedError,
    EmailTakenError,
    user_pool,
)

if TYPE_CHECKING:
    from ticketing.access.identity import Caller
    from ticketing.users.models import InviteUser
    from ticketing.users.user_pool import Account, UserPool


def invite_user(caller: Caller, body: InviteUser) -> tuple[User, bool]:
    """Invite somebody to the caller's tenant; return the user, and whether they are new.

    Raises
    ------
    ForbiddenError, TenantNotFoundError, EmailDomainNotAllowedError, UserExistsError, BadRequestError
        An API key would make an admin, or the caller is no admin any more; the tenant is being deleted; its settings do
        not allow the address; somebody else uses it; Cognito refuses it.
    ServiceUnavailableError
        The invitation is recorded, but Cognito was not told yet.
    """
    check_admins(caller, {body.role})
    domain = body.email.rpartition("@")[2]
    allowed = find_tenant(TenantRepository(of_caller(caller)).get()).settings.allowed_email_domains
    if allowed and domain not in allowed:
        message = "Your tenant's settings do not allow e-mail addresses of this domain."
        raise EmailDomainNotAllowedError(message, [f"email: allowed are addresses of {', '.join(allowed)}"])
    users = UserRepository(of_caller(caller))
    invitation = Invitation(
        tenant_id=caller.tenant_id,
        email=body.email,
        role=body.role,
        name=body.name,
        invited_by_id=caller.user_id,
        task_since=clock.timestamp(clock.now()),
    )
    until_written(lambda: users.put_invitation(invitation))
    with report_as_recorded():
        return complete_invitation(users, user_pool(), invitation)


def complete_invitation(users: UserRepository, pool: UserPool, invitation: Invitation) -> tuple[User, bool]:
    """Carry an invitation out from wherever it got to; return the user, and whether they are new.

    Somebody who was invited before and never signed in is mailed again. No invitation is left behind, unless AWS fails.

    Raises
    ------
    UserExistsError, BadRequestError, TenantNotFoundError, ConflictError
        Somebody else uses the address; Cognito refuses it; the tenant is being deleted; the race was lost every time.
    """

    def attempt() -> tuple[User, bool]:
        account = _account_for(pool, invitation)
        known = users.get(account.id)
        if known is None:
            return _create_user(users, pool, account, invitation)
        if account.status != NEVER_SIGNED_IN or not known.active:
            raise UserExistsError
        pool.resend_invitation(account)
        return known, False

    try:
        user, is_new = until_written(attempt)
    except (UserExistsError, BadRequestError):
        users.delete_invitation(invitation.email)
        raise
    if not is_new:
        users.delete_invitation(invitation.email)
    return user, is_new


def _account_for(pool: UserPool, invitation: Invitation) -> Account:
    """Return the invited account: a new one, or the tenant's own with this address.

    Raises
    ------
    UserExistsError, BadRequestError
        The address is somebody else's; Cognito refuses it.
    VersionConflictError
        The address has just become free.
    """
    try:
        return pool.create_account(invitation.email, invitation.tenant_id)
    except EmailRejectedError as error:
        message = "The e-mail address is none that mail can be sent to."
        raise BadRequestError(message, ["email: is refused by the user pool"]) from error
    except EmailTakenError as error:
        account = pool.get_account(invitation.email)
        if account is None:
            raise VersionConflictError from error
        if account.status == UNCONFIRMED and not account.tenant_id:
            # Somebody signed up with an address that they never proved to be theirs; it must not stay blocked.
            pool.delete_account(account.id)
            raise VersionConflictError from error
        if account.tenant_id != invitation.tenant_id:
            raise UserExistsError from error
        return account


def _create_user(users: UserRepository, pool: UserPool, account: Account, invitation: Invitation) -> tuple[User, bool]:
    """Give an invited account its role, write its row, and end the invitation."""
    user = new_person(account, invitation.tenant_id, invitation.role, name=invitation.name)
    try:
        pool.update_account(user)
        users.create(user, invitation=invitation.email)
    except AccountNotFoundError as error:
        raise VersionConflictError from error
    except RowExistsError as error:
        # Another invitation to the same address was faster, and what Cognito was told last may not be what it said.
        known = users.get(user.id)
        if known is None:
            raise VersionConflictError from error
        return sync_account(users, pool, known), False
    return user, True
