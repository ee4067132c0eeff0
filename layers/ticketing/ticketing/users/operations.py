"""What the user operations share: finding users for the caller, creating, changing and presenting them."""

import math
from collections.abc import Mapping
from typing import Any

from ticketing import clock
from ticketing.access.permissions import Grant, Relation
from ticketing.aws.data import of_caller
from ticketing.dynamodb.transactions import until_written
from ticketing.errors import PreconditionFailedError
from ticketing.users.errors import UserNotFoundError
from ticketing.users.models import MeUpdate, Notifications, TenantRole, User
from ticketing.users.repository import UserRepository
from ticketing.users.states import Kind, MailOff
from ticketing.users.user_pool import Account

_SHOWN = {
    "id",
    "kind",
    "email",
    "name",
    "role",
    "active",
    "invited_until",
    "locale",
    "time_zone",
    "version",
    "created_at",
    "updated_at",
}
_SHOWN_TO_SELF = {"tenant_id", "notifications", "mail_off_reason"}


def find_user(granted: Grant, user: User | None, expected_version: int | None = None) -> User:
    """Return the user that was read, if the caller may do the operation to them and the version is as expected.

    Raises
    ------
    UserNotFoundError, PreconditionFailedError
        Checked in this order: the user exists for this caller; the version.
    """
    if user is None or not granted.covers({Relation.OWN} if user.id == granted.caller.user_id else ()):
        raise UserNotFoundError
    if expected_version is not None and user.version != expected_version:
        raise PreconditionFailedError
    return user


def find_person(granted: Grant, user: User | None, expected_version: int | None = None) -> User:
    """Return the user as `find_user` does, but no API key: those have operations of their own."""
    if user is not None and not user.is_person:
        raise UserNotFoundError
    return find_user(granted, user, expected_version)


def new_person(
    account: Account, tenant_id: str, role: TenantRole, *, active: bool = True, name: str | None = None
) -> User:
    """Return the new user of an account. Without a name, the local part of the address is the name."""
    now = clock.timestamp(clock.now())
    return User(
        id=account.id,
        tenant_id=tenant_id,
        kind=Kind.PERSON,
        name=(name or account.name or account.email.partition("@")[0])[:100],
        email=account.email.lower(),
        role=role,
        active=active,
        tokens_valid_from=this_second(),
        version=1,
        created_at=now,
        updated_at=now,
    )


def this_second() -> int:
    """Return the current second since 1970, from which on the tokens of a new row count."""
    return math.floor(clock.now().timestamp())


def next_second() -> int:
    """Return the next second since 1970. Tokens carry whole seconds, so its tokens are surely issued after now."""
    return this_second() + 1


def next_version(user: User, values: Mapping[str, Any]) -> User:
    """Return the next version of a user with these values (Python names), or the same user if nothing differs."""
    after = user.model_copy(update=values)
    if after == user:
        return user
    return after.model_copy(update={"version": user.version + 1, "updated_at": clock.timestamp(clock.now())})


def update_me(granted: Grant, body: MeUpdate, expected_version: int | None) -> User:
    """Update the caller's own profile and return the user; equal values are no change.

    Raises
    ------
    UserNotFoundError, PreconditionFailedError, ConflictError
        As `find_user` says; every attempt ended in a conflict.
    """
    caller = granted.caller
    users = UserRepository(of_caller(caller))
    wanted = body.model_dump(exclude_unset=True)

    def attempt() -> User:
        before = find_user(granted, users.get(caller.user_id), expected_version)
        notices = Notifications.model_construct(**before.notifications.model_dump() | wanted.get("notifications", {}))
        reason = None if notices.mail else before.mail_off_reason or MailOff.UNSUBSCRIBED
        after = next_version(before, wanted | {"notifications": notices, "mail_off_reason": reason})
        if after is not before:
            users.update_profile(before, after)
        return after

    return until_written(attempt)


def presented(user: User) -> dict[str, Any]:
    """Return a user as the contract shows them to other users."""
    return user.model_dump(mode="json", by_alias=True, include=_SHOWN)


def presented_to_self(user: User) -> dict[str, Any]:
    """Return a user as the contract shows them to themselves."""
    return user.model_dump(mode="json", by_alias=True, include=_SHOWN | _SHOWN_TO_SELF)
