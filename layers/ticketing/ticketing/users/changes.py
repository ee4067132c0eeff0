"""Changing who somebody is: their role, and whether they are active. The table first, then Cognito.

The row is written together with a marker, in one transaction. Then Cognito is told what the row says, and the marker
goes. Where that is cut off, repeating the request or reconcileUsers takes it up from the marker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from ticketing.aws.data import of_caller
from ticketing.dynamodb.transactions import ATTEMPTS, VersionConflictError, until_written
from ticketing.errors import ServiceUnavailableError
from ticketing.users.models import PENDING
from ticketing.users.operations import (
    find_person,
    next_version,
)
from ticketing.users.repository import UserRepository
from ticketing.users.rules import check_admins
from ticketing.users.user_pool import AccountNotFoundError, next_second, user_pool

if TYPE_CHECKING:
    from ticketing.access.permissions import Grant
    from ticketing.users.models import User
    from ticketing.users.user_pool import UserPool

_BUGS: Final = frozenset({"AccessDeniedException", "InvalidParameterException", "ValidationException"})
"""What AWS answers when it is asked wrongly: asking again does not help."""


@contextmanager
def report_as_recorded() -> Iterator[None]:
    """Turn AWS's failures, once the change is in the table, into the answer that says so.

    Raises
    ------
    ServiceUnavailableError
        The change is recorded; the rest is done when the request is repeated, or by itself within minutes.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in _BUGS:
            raise
        message = "The change is recorded and takes effect within minutes. Repeat the request to apply it at once."
        raise ServiceUnavailableError(message) from error


def sync_account(users: UserRepository, pool: UserPool, user: User) -> User:
    """Tell Cognito what a row says, until what it was told is what the row says; then take the marker off.

    Whoever tells something old, because others changed the row meanwhile, tells it anew. After several times it is left
    to whoever comes next: the row is marked still. Returns the user as told last: not active if there is no account.
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
            if latest is None:  # the tenant was erased: what was just said must not stay
                pool.release_account(user.id)
                return user
            user = latest
        else:
            return user
    return user


def deactivate(users: UserRepository, user: User) -> User:
    """Write that a person who has no account in the tenant is not active, even the last admin, and return them.

    Raises
    ------
    TenantNotFoundError, VersionConflictError
        The tenant is being deleted; the row changed since it was read.
    """
    after = next_version(user, {"active": False})
    if after is not user:
        users.update_access(user, after, last_admin_may_go=True)
    return after


def mark_pending(user: User) -> User:
    """Return a changed user as one that Cognito has to be told of, and whose tokens up to now are void."""
    valid_from = max(next_second(), user.tokens_valid_from or 0)
    marks = {"tokens_valid_from": valid_from, "task_key": PENDING, "task_since": user.updated_at}
    return user.model_copy(update=marks)


def change_user(granted: Grant, user_id: str, values: Mapping[str, Any], expected_version: int | None = None) -> User:
    """Set a person's role and activity (inside names) and return them; what is the same already is no change.

    Raises
    ------
    UserNotFoundError, PreconditionFailedError
        As `find_person` says.
    ForbiddenError, LastAdminError, TenantNotFoundError, ConflictError
        An API key would change an admin, or the caller is no admin any more; the tenant would be left without an admin;
        it is being deleted; the race was lost every time.
    ServiceUnavailableError
        The change is recorded, but Cognito was not told yet.
    """
    users = UserRepository(of_caller(granted.caller))

    def attempt() -> User:
        before = find_person(granted, users.get(user_id), expected_version)
        after = next_version(before, values)
        if after is not before:
            check_admins(granted.caller, {before.role, after.role})
            after = mark_pending(after)
            users.update_access(before, after)
        return after

    user = until_written(attempt)
    if user.task_key == PENDING:
        with report_as_recorded():
            return sync_account(users, user_pool(), user)
    return user
