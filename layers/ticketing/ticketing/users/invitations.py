"""Inviting people: they get an account in Cognito, an email with a temporary password, and a row in the table.

The invitation is written first, so that a retry of the request or reconcileUsers can finish one that was interrupted.
The transaction that writes the user deletes it.
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
    """Invite a person to the caller's tenant. Return the user, and whether they are new.

    Raises
    ------
    ForbiddenError, TenantNotFoundError, EmailDomainNotAllowedError, UserExistsError, BadRequestError
        An API key would invite an admin; the tenant is being deleted; its settings do not allow the address; another
        user has it; Cognito rejects it.
    ServiceUnavailableError
        The invitation is recorded, but there is no account yet.
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
    """Finish an invitation from where it stopped. Return the user, and whether they are new.

    People who were invited before and never signed in get another email. The invitation's item is deleted, unless AWS
    fails.

    Raises
    ------
    UserExistsError, BadRequestError, TenantNotFoundError, ConflictError
        Another user has the address; Cognito rejects it; the tenant is being deleted; each attempt ended in a conflict.
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
        Another user has the address; Cognito rejects it.
    VersionConflictError
        The address has just become free.
    """
    try:
        return pool.create_account(invitation.email, invitation.tenant_id)
    except EmailRejectedError as error:
        message = "Email can't be sent to this address."
        raise BadRequestError(message, ["email: Cognito rejects it"]) from error
    except EmailTakenError as error:
        account = pool.get_account(invitation.email)
        if account is None:
            raise VersionConflictError from error
        if account.status == UNCONFIRMED and not account.tenant_id:
            # Somebody signed up with an address that they never verified. That must not block the address.
            pool.delete_account(account.id)
            raise VersionConflictError from error
        if account.tenant_id != invitation.tenant_id:
            raise UserExistsError from error
        return account


def _create_user(users: UserRepository, pool: UserPool, account: Account, invitation: Invitation) -> tuple[User, bool]:
    """Give an invited account its role, write the user's row, and delete the invitation."""
    user = new_person(account, invitation.tenant_id, invitation.role, name=invitation.name)
    try:
        pool.update_account(user)
        users.create(user, invitation=invitation.email)
    except AccountNotFoundError as error:
        raise VersionConflictError from error
    except RowExistsError as error:
        # Another invitation to the same address was faster, and the account may have the role of either.
        known = users.get(user.id)
        if known is None:
            raise VersionConflictError from error
        return sync_account(users, pool, known), False
    return user, True
