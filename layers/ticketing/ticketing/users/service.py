"""What the user operations share: finding a user for its caller, changing a profile, and presenting it."""

import os
from collections.abc import Mapping
from typing import Any

from ticketing import aws, clock
from ticketing.errors import PreconditionFailedError, UserNotFoundError
from ticketing.identity import Caller
from ticketing.permissions import Grant, Relation
from ticketing.tables import until_written
from ticketing.users.models import MeUpdate, Notifications, User
from ticketing.users.repository import UserRepository

_SHOWN = {
    "id",
    "kind",
    "email",
    "name",
    "role",
    "active",
    "locale",
    "time_zone",
    "version",
    "created_at",
    "updated_at",
}


def users_of(caller: Caller) -> UserRepository:
    """Return the users of the caller's tenant."""
    return UserRepository(aws.dynamodb_for(caller.tenant_id), os.environ["USERS_TABLE"], caller.tenant_id)


def find_user(granted: Grant, user: User | None, expected_version: int | None = None) -> User:
    """Return the user who was read, if the caller may do the operation to them in the version expected.

    Raises
    ------
    UserNotFoundError, PreconditionFailedError
        Looked at in this order: the user's existence for this caller, the version.
    """
    if user is None or not granted.covers({Relation.OWN} if user.id == granted.caller.user_id else ()):
        raise UserNotFoundError
    if expected_version is not None and user.version != expected_version:
        raise PreconditionFailedError
    return user


def find_person(granted: Grant, user: User | None, expected_version: int | None = None) -> User:
    """Return the user as `find_user` does, unless it is an API key: those are changed as what they are."""
    if user is not None and not user.is_person:
        raise UserNotFoundError
    return find_user(granted, user, expected_version)


def next_version(user: User, values: Mapping[str, Any]) -> User:
    """Return the user with the values (inside names) changed, as the next version; the same one if nothing differs."""
    after = user.model_copy(update=values)
    if after == user:
        return user
    return after.model_copy(update={"version": user.version + 1, "updated_at": clock.timestamp(clock.now())})


def edit_me(granted: Grant, body: MeUpdate, expected_version: int | None) -> User:
    """Set what callers may change of themselves and return the user; what is the same already is no change.

    Raises
    ------
    UserNotFoundError, PreconditionFailedError, ConflictError
        See `find_user`; the race was lost every time.
    """
    caller = granted.caller
    users = users_of(caller)
    wanted = body.model_dump(exclude_unset=True)

    def attempt() -> User:
        before = find_user(granted, users.get(caller.user_id), expected_version)
        notices = before.notifications.model_dump() | wanted.get("notifications", {})
        after = next_version(before, wanted | {"notifications": Notifications.model_construct(**notices)})
        if after is not before:
            users.edit(before, after)
        return after

    return until_written(attempt)


def presented(user: User) -> dict[str, Any]:
    """Return a user as the contract shows them to others."""
    return user.model_dump(mode="json", by_alias=True, include=_SHOWN)


def presented_to_self(user: User) -> dict[str, Any]:
    """Return a user as the contract shows them to themselves."""
    return user.model_dump(mode="json", by_alias=True, include=_SHOWN | {"tenant_id", "notifications"})
