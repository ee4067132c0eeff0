"""The operations on saved views: finding, creating, changing, sharing, deleting and presenting them.

Everybody has views of their own. The shared ones are for those who work on the desk: to reporters they do not exist,
because their names and queries may tell what reporters are not told. A view finds for each caller what they may see.
"""

from dataclasses import replace
from functools import partial
from typing import Any, Final

from ticketing import clock, ids
from ticketing.access.identity import Caller
from ticketing.access.permissions import Grant, Operation, grant
from ticketing.aws.data import of_caller
from ticketing.dynamodb.transactions import until_written
from ticketing.errors import ConflictError, ForbiddenError, IdempotencyKeyReusedError, PreconditionFailedError
from ticketing.people.repository import People, PersonGoneError
from ticketing.views.audited import view_changed
from ticketing.views.errors import ViewNotFoundError
from ticketing.views.models import View, ViewCreate, ViewUpdate
from ticketing.views.repository import ViewExistsError, ViewRepository
from ticketing.views.rules import check_sharing

_ATTEMPTS: Final = 10
"""How many times a change is attempted. Writers of one place's views meet at their number, and do not contradict."""


def presented(view: View) -> dict[str, Any]:
    """Return the view as the contract shows it."""
    return view.model_dump(mode="json", by_alias=True, exclude={"tenant_id"})


def view_for(caller: Caller, view_id: str) -> View:
    """Return a view for a caller who searches by it.

    Raises
    ------
    ViewNotFoundError
        They see no such view.
    """
    return Views(grant(Operation.GET_VIEW, caller)).find(view_id)


class Views:
    """The views of a tenant, as one caller finds and changes them."""

    def __init__(self, granted: Grant) -> None:
        self._caller = granted.caller
        self._views = ViewRepository(of_caller(self._caller))
        self._sees_shared = not granted.only_own

    def find(self, view_id: str, expected_version: int | None = None) -> View:
        """Return a view that the caller sees, if it is in the expected version.

        Raises
        ------
        ViewNotFoundError, PreconditionFailedError
            Looked at in this order.
        """
        view = self._views.get(view_id, self._caller.user_id)
        if view is None and self._sees_shared:
            view = self._views.get(view_id, None)
        if view is None:
            raise ViewNotFoundError
        if expected_version is not None and view.version != expected_version:
            raise PreconditionFailedError
        return view

    def all(self) -> list[View]:
        """Return all views that the caller sees, in the order of lists: one query, or two with the shared ones."""
        shared = self._views.all(None) if self._sees_shared else []
        return sorted([*self._views.all(self._caller.user_id), *shared], key=lambda view: view.place)

    def create(self, body: ViewCreate, idempotency_key: str | None) -> View:
        """Create a view and return it, or the one that the same Idempotency-Key created before.

        Raises
        ------
        ForbiddenError, TenantNotFoundError, ViewNameTakenError, TooManyViewsError, IdempotencyKeyReusedError
            Nothing was written.
        ConflictError
            The view that the key created was deleted, or each attempt met another change. Nothing was written.
        """
        if body.shared:
            self._check_sharing()
        now = clock.timestamp(clock.now())
        view = View(
            id=ids.new_id(),
            tenant_id=self._caller.tenant_id,
            owner_id=self._caller.user_id,
            version=1,
            created_at=now,
            updated_at=now,
            **body.model_dump(),
        )
        key = None if idempotency_key is None else (idempotency_key, body.fingerprint())
        alongside = view_changed(Operation.CREATE_VIEW, self._caller, None, view)
        try:
            until_written(lambda: self._views.create(view, key, alongside=alongside), _ATTEMPTS)
        except ViewExistsError:
            return self._created_before(str(idempotency_key), body)
        return view

    def edit(self, view_id: str, body: ViewUpdate, expected_version: int | None) -> View:
        """Change a view and return it; values that are the same already are no change.

        A shared one that is not to be shared any more becomes the caller's own.

        Raises
        ------
        ViewNotFoundError, PreconditionFailedError, ForbiddenError, ViewNameTakenError, TooManyViewsError, ConflictError
            Looked at in this order; the race was lost every time.
        """
        return until_written(partial(self._edit, view_id, body, expected_version), _ATTEMPTS)

    def delete(self, view_id: str, expected_version: int | None) -> None:
        """Delete a view.

        Raises
        ------
        ViewNotFoundError, PreconditionFailedError, ForbiddenError, ConflictError
            Looked at in this order; the race was lost every time.
        """
        until_written(partial(self._delete, view_id, expected_version), _ATTEMPTS)

    def _created_before(self, key: str, body: ViewCreate) -> View:
        view_id, request_hash = self._views.created_by(self._caller.user_id, key)
        if request_hash != body.fingerprint():
            message = "This Idempotency-Key made a view from another body."
            raise IdempotencyKeyReusedError(message)
        try:
            return self.find(view_id)
        except ViewNotFoundError as error:
            message = "The view that this Idempotency-Key made was deleted."
            raise ConflictError(message) from error

    def _edit(self, view_id: str, body: ViewUpdate, expected_version: int | None) -> View:
        before = self.find(view_id, expected_version)
        after = before.model_copy(update=body.model_dump(exclude_unset=True))
        if before.shared or after.shared:
            self._check_sharing()
        if after == before:
            return before
        news: dict[str, Any] = {"version": before.version + 1, "updated_at": clock.timestamp(clock.now())}
        if before.shared and not after.shared:
            news["owner_id"] = self._caller.user_id
        after = after.model_copy(update=news)
        alongside = view_changed(Operation.UPDATE_VIEW, self._caller, before, after)
        self._views.edit(before, after, alongside=alongside)
        return after

    def _delete(self, view_id: str, expected_version: int | None) -> None:
        view = self.find(view_id, expected_version)
        if view.shared:
            self._check_sharing()
        self._views.delete(view, alongside=view_changed(Operation.DELETE_VIEW, self._caller, view, None))

    def _check_sharing(self) -> None:
        """Raise ForbiddenError unless the caller may share views, by their role as it is in their row now.

        The authorizer's answer may be a minute old; without a row they are believed, as where the frame looks.
        """
        check_sharing(self._caller)
        try:
            role = People(of_caller(self._caller)).role_now(self._caller.user_id)
        except PersonGoneError:
            return
        if role is None:
            message = "You are not active any more."
            raise ForbiddenError(message)
        check_sharing(replace(self._caller, role=role))
