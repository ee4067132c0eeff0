"""Inviting people: a row in the tenant, an account of no tenant, and an email with a temporary password.

An invitation is a user's row that nobody has accepted: the account of its address is not the tenant's, so others can
invite the same address, and its owner chooses. docs/decisions/0030-invitations-block-nobody.md gives the reasons.

What is in progress is written first, so that a retry of the request or reconcileUsers can finish one that was
interrupted. The transaction that writes the row deletes it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from ticketing import clock
from ticketing.access.permissions import Operation
from ticketing.aws.data import of_caller
from ticketing.deployment import DEPLOYMENT
from ticketing.dynamodb.transactions import VersionConflictError, until_written
from ticketing.errors import BadRequestError
from ticketing.text import folded
from ticketing.users.audited import user_changed
from ticketing.users.changes import end_invitation, report_as_recorded
from ticketing.users.errors import (
    EmailDomainNotAllowedError,
    InvitedRecentlyError,
    TooManyInvitationsError,
    UserExistsError,
)
from ticketing.users.invitation_mails import InvitationMails, invitation_mails
from ticketing.users.models import Invitation, User
from ticketing.users.operations import new_person, next_second, next_version
from ticketing.users.repository import RowExistsError, UserRepository
from ticketing.users.rows import invited_key
from ticketing.users.rules import check_admins
from ticketing.users.tenant_operations import find_tenant
from ticketing.users.tenant_repository import TenantRepository
from ticketing.users.user_pool import UNCONFIRMED, EmailRejectedError, EmailTakenError, user_pool

if TYPE_CHECKING:
    from ticketing.access.identity import Caller
    from ticketing.users.models import InviteUser
    from ticketing.users.user_pool import Account, UserPool

VALID: Final = timedelta(days=7)
"""How long an invitation can be accepted: as long as Cognito's temporary passwords."""

_REPEATED_WITHIN: Final = timedelta(minutes=1)
"""How soon the same invitation is taken for a request that was repeated because its answer was lost."""


def invite_user(caller: Caller, body: InviteUser) -> tuple[User, bool]:
    """Invite a person to the caller's tenant. Return the user, and whether they are newly invited.

    Raises
    ------
    ForbiddenError, TenantNotFoundError, EmailDomainNotAllowedError, UserExistsError, BadRequestError
        An API key would invite an admin; the tenant is being deleted; its settings do not allow the address; a user of
        the tenant has it; Cognito rejects it.
    TooManyInvitationsError, InvitedRecentlyError
        The tenant used up its invitations of this day; it has just invited the address in the same role and name.
    ServiceUnavailableError
        The invitation is recorded, but there is no account yet.
    """
    check_admins(caller, {body.role})
    users = UserRepository(of_caller(caller))
    invitation = Invitation(
        tenant_id=caller.tenant_id,
        email=body.email,
        role=body.role,
        name=body.name,
        invited_by_id=caller.user_id,
        task_since=clock.timestamp(clock.now()),
    )
    _record(users, TenantRepository(of_caller(caller)), invitation)
    with report_as_recorded(), _taking(DEPLOYMENT.invitation_seconds):
        mails = invitation_mails(of_caller(caller).client)
        return complete_invitation(users, user_pool(), invitation, mails, caller=caller)


def complete_invitation(
    users: UserRepository,
    pool: UserPool,
    invitation: Invitation,
    mails: InvitationMails,
    *,
    caller: Caller | None = None,
) -> tuple[User, bool]:
    """Finish an invitation from where it stopped. Return the user, and whether they are newly invited.

    People who never signed in get another email, unless their address is in its cooldown. A new account's owner always
    gets one, because it has the password. Whoever just made the same invitation gets the user once more, and nothing is
    done: the first answer may have been lost. The invitation in progress is deleted, unless AWS fails. Without a
    caller, the audit trail says that the backend finished it.

    Raises
    ------
    UserExistsError, InvitedRecentlyError, BadRequestError, TenantNotFoundError, ConflictError
        A user of the tenant has the address; they were just invited; Cognito rejects the address; the tenant is being
        deleted; each attempt ended in a conflict.
    """
    is_mailed = False

    def attempt() -> tuple[User, bool]:
        nonlocal is_mailed
        account, is_new = _account_for(pool, invitation)
        known = users.get(account.id)
        _check_no_user(account, known, invitation)
        if known is not None and _is_repeated(known, invitation, account):
            users.delete_invitation(invitation.email)
            return known, False
        if not is_mailed:
            # Whether the account is new, unused or somebody's: what is asked of AWS must not tell.
            _mail(pool, mails, account, has_mail=is_new)
            is_mailed = True
        user = _write(users, account, known, invitation, caller)
        if pool.get_account(account.id) is None:
            # Nobody was invited any more, and the account was deleted at this moment.
            end_invitation(users, user)
            raise VersionConflictError
        if known is not None:
            users.delete_invitation(invitation.email)
        return user, known is None or not known.active

    try:
        return until_written(attempt)
    except (UserExistsError, InvitedRecentlyError, BadRequestError):
        users.delete_invitation(invitation.email)
        raise


def _record(users: UserRepository, tenants: TenantRepository, invitation: Invitation) -> None:
    """Write an invitation in progress and count it, if the tenant may send it."""
    domain, most = invitation.email.rpartition("@")[2], DEPLOYMENT.invitations_per_day

    def attempt() -> None:
        tenant = find_tenant(tenants.get())
        allowed = tenant.settings.allowed_email_domains
        if allowed and domain not in allowed:
            message = "Your tenant's settings do not allow e-mail addresses of this domain."
            raise EmailDomainNotAllowedError(message, [f"email: allowed are addresses of {', '.join(allowed)}"])
        now = clock.now()
        day = now.date().isoformat()
        if tenant.invited_on == day and (tenant.invitations or 0) >= most:
            tomorrow = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
            raise TooManyInvitationsError(math.ceil((tomorrow - now).total_seconds()))
        users.put_invitation(invitation, tenant=tenant, day=day, most=most)

    until_written(attempt)


@contextmanager
def _taking(seconds: float) -> Iterator[None]:
    """Take at least so long, whatever happens: Cognito's calls for known and for new addresses differ in time."""
    started = time.monotonic()
    try:
        yield
    finally:
        time.sleep(max(0.0, seconds - (time.monotonic() - started)))


def _account_for(pool: UserPool, invitation: Invitation) -> tuple[Account, bool]:
    """Return the account with the invited address, and whether it is new.

    Raises
    ------
    BadRequestError
        Cognito rejects the address.
    VersionConflictError
        The address has just become free.
    """
    try:
        return pool.create_account(invitation.email), True
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
        return account, False


def _check_no_user(account: Account, known: User | None, invitation: Invitation) -> None:
    """Raise UserExistsError if the account belongs to the tenant, or is about to."""
    accepted = known is not None and known.active and not known.is_invited
    if accepted or account.tenant_id == invitation.tenant_id:
        raise UserExistsError


def _is_repeated(known: User, invitation: Invitation, account: Account) -> bool:
    """Return whether the tenant has made the same invitation in this minute.

    Only its own row tells: the address's cooldown may be another tenant's doing.

    Raises
    ------
    InvitedRecentlyError
        It made it some minutes ago.
    """
    if known.invited_until is None or not known.active:
        return False
    same = (known.role, known.name, folded(known.email or "")) == (
        invitation.role,
        invitation.name or known.name,
        folded(account.email),
    )
    passed = clock.now() - (datetime.fromisoformat(known.invited_until) - VALID)
    left = DEPLOYMENT.invitation_cooldown - passed.total_seconds()
    if not same or left <= 0:
        return False
    if passed >= _REPEATED_WITHIN:
        raise InvitedRecentlyError(math.ceil(left))
    return True


def _mail(pool: UserPool, mails: InvitationMails, account: Account, *, has_mail: bool) -> None:
    """Start the cooldown of an address, and email its owner if they never signed in and it was not in one."""
    may_mail = mails.claim(account.email)
    if not may_mail or has_mail or not account.is_unused:
        return
    try:
        pool.resend_invitation(account)
    except (BotoCoreError, ClientError):
        mails.release(account.email)
        raise


def _write(
    users: UserRepository, account: Account, known: User | None, invitation: Invitation, caller: Caller | None
) -> User:
    """Write the row of an invited account, with the role and name of this invitation, and return the user.

    The account's own name is not used: it may be somebody's of another tenant.
    """
    until = clock.timestamp(clock.now() + VALID)
    values: dict[str, Any] = {"invited_until": until, "task_key": invited_key(account.id), "task_since": until}
    name = invitation.name or account.email.partition("@")[0]
    if known is None:
        user = new_person(account, invitation.tenant_id, invitation.role, name=name).model_copy(update=values)
        try:
            record = user_changed(Operation.INVITE_USER, caller, None, user)
            users.create(user, invitation=invitation.email, alongside=[record])
        except RowExistsError as error:  # another invitation to the same address was faster
            raise VersionConflictError from error
        return user
    # The address that was invited is the account's, which may have changed since an earlier invitation.
    values |= {"role": invitation.role, "active": True, "email": account.email.lower()}
    values |= {"name": name} if invitation.name or not known.active else {}
    if not known.active:  # tokens from when they were a user of the tenant count no more
        values |= {"tokens_valid_from": max(next_second(), known.tokens_valid_from or 0)}
    user = next_version(known, values)
    users.update_access(known, user, alongside=[user_changed(Operation.INVITE_USER, caller, known, user)])
    return user
