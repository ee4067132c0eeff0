"""Changing a person's role and activity: first in the table, then in Cognito.

Of people who have not accepted their invitation, Cognito knows nothing: their account is not the tenant's. To
deactivate them is to withdraw the invitation.

One transaction writes the row and marks it as pending. Then the account in Cognito is updated, and the mark is removed.
If this is interrupted, a retry of the request or reconcileUsers continues from the mark.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from ticketing.access.permissions import Operation
from ticketing.aws.data import of_caller
from ticketing.dynamodb.transactions import ATTEMPTS, VersionConflictError, until_written
from ticketing.errors import ConflictError, ServiceUnavailableError
from ticketing.users.audited import user_changed
from ticketing.users.operations import (
    find_person,
    next_second,
    next_version,
)
from ticketing.users.repository import UserRepository
from ticketing.users.rules import check_admins
from ticketing.users.states import PENDING
from ticketing.users.user_pool import AccountNotFoundError, user_pool

if TYPE_CHECKING:
    from ticketing.access.permissions import Grant
    from ticketing.users.models import User
    from ticketing.users.user_pool import UserPool

_BUGS: Final = frozenset({"AccessDeniedException", "InvalidParameterException", "ValidationException"})
"""Permanent errors of AWS: the request is wrong, and a retry fails in the same way."""


@contextmanager
def report_as_recorded() -> Iterator[None]:
    """Turn failures of AWS, and conflicts that do not end, into 503, for what follows after the change is recorded.

    Raises
    ------
    ServiceUnavailableError
        The change is recorded. A retry of the request applies it, or reconcileUsers does within minutes.
    """
    try:
        yield
    except (BotoCoreError, ClientError, ConflictError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in _BUGS:
            raise
        message = "The change is recorded and takes effect within minutes. Repeat the request to apply it at once."
        raise ServiceUnavailableError(message) from error


def sync_account(users: UserRepository, pool: UserPool, user: User) -> User:
    """Make the account in Cognito match the user's row, then remove the row's pending mark.

    If the row changed meanwhile, it is repeated with the new version, several times at most. After that the row stays
    marked for the next retry. Returns the last version used; if there is no account, it is not active.
    """
    for _ in range(ATTEMPTS):
        try:
            try:
                pool.update_account(user)
            except AccountNotFoundError:
                user = deactivate(users, user)
            users.clear_pending(user)
        except VersionConflictError:
            latest = users.get(user.id)
            if latest is None:  # the tenant was erased: undo the update of the account
                pool.release_account(user.id)
                return user
            user = latest
        else:
            return user
    return user


def deactivate(users: UserRepository, user: User) -> User:
    """Deactivate a person who has no account in the tenant, even the last admin, and return them.

    Raises
    ------
    TenantNotFoundError, VersionConflictError
        The tenant is being deleted; the row changed since it was read.
    """
    if not user.active:
        return user
    valid_from = max(next_second(), user.tokens_valid_from or 0)
    after = next_version(user, {"active": False, "tokens_valid_from": valid_from})
    record = user_changed(Operation.DEACTIVATE_USER, None, user, after)
    users.update_access(user, after, last_admin_may_go=True, alongside=[record])
    return after


def mark_pending(user: User) -> User:
    """Return a changed user as pending: Cognito has to be updated, and tokens issued before now are invalid."""
    valid_from = max(next_second(), user.tokens_valid_from or 0)
    marks = {"tokens_valid_from": valid_from, "task_key": PENDING, "task_since": user.updated_at}
    return user.model_copy(update=marks)


def change_user(granted: Grant, user_id: str, values: Mapping[str, Any], expected_version: int | None = None) -> User:
    """Set a person's role and activity (Python names) and return them; equal values are no change.

    Raises
    ------
    UserNotFoundError, PreconditionFailedError
        As `find_person` says.
    ForbiddenError, LastAdminError, TenantNotFoundError, ConflictError
        An API key would change an admin; the tenant would have no admin left; it is being deleted; every attempt ended
        in a conflict, or the invitation was withdrawn or has expired.
    ServiceUnavailableError
        The change is recorded, but Cognito is not updated yet.
    """
    users = UserRepository(of_caller(granted.caller))

    def attempt() -> User:
        before = find_person(granted, users.get(user_id), expected_version)
        after = next_version(before, values)
        if after is not before:
            check_admins(granted.caller, {before.role, after.role})
            after = _changed_invitation(before, after) if before.is_invited else mark_pending(after)
            record = user_changed(granted.operation, granted.caller, before, after)
            users.update_access(before, after, alongside=[record])
        return after

    user = until_written(attempt)
    if user.task_key == PENDING:
        with report_as_recorded():
            return sync_account(users, user_pool(), user)
    return user


def end_invitation(users: UserRepository, user: User) -> None:
    """End an invitation that nobody can accept any more; the audit trail has it as the backend's.

    Raises
    ------
    TenantNotFoundError, VersionConflictError
        The tenant is being deleted; the row changed since it was read.
    """
    after = next_version(user, {"active": False, "task_key": None, "task_since": None})
    record = user_changed(Operation.DEACTIVATE_USER, None, user, after)
    users.update_access(user, after, alongside=[record])


def _changed_invitation(before: User, after: User) -> User:
    """Return the changed user whose invitation was not accepted.

    Raises
    ------
    ConflictError
        The invitation was withdrawn or has expired: only inviting the address again sends another email.
    """
    if not after.active:
        return after.model_copy(update={"task_key": None, "task_since": None})
    if not before.active:
        message = "The invitation was withdrawn or has expired. Invite the address again."
        raise ConflictError(message)
    return after
