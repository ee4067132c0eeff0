"""Reconciling the users table with Cognito: interrupted changes are finished, manual changes are copied to the table.

If a row, tenant or invitation is marked as pending, the table is right: Cognito has to be updated. Any other difference
was made in Cognito, and Cognito is right. Every step is idempotent and conditional on the version it read, so several
runs and requests at the same time do no harm.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools.logging import Logger

from ticketing import clock
from ticketing.access.identity import TENANT_ID
from ticketing.aws import clients
from ticketing.aws.data import of_tenant
from ticketing.deployment import DEPLOYMENT
from ticketing.dynamodb.transactions import until_written
from ticketing.errors import BadRequestError
from ticketing.users.changes import deactivate, end_invitation, mark_pending, sync_account
from ticketing.users.deletion import resume_deletion
from ticketing.users.errors import InvitedRecentlyError, UserExistsError
from ticketing.users.invitation_mails import invitation_mails
from ticketing.users.invitations import complete_invitation
from ticketing.users.operations import new_person, next_version, this_second
from ticketing.users.repository import RowExistsError, UserRepository, invitations_to, pending
from ticketing.users.states import PENDING, TenantState
from ticketing.users.tenant_creation import finish_tenant
from ticketing.users.tenant_repository import TenantRepository
from ticketing.users.usage_plan import usage_key, usage_plan
from ticketing.users.user_pool import user_pool

if TYPE_CHECKING:
    from ticketing.users.models import TenantRole, User
    from ticketing.users.tenant_models import Tenant
    from ticketing.users.user_pool import Account

PATIENCE: Final = timedelta(minutes=1)
"""How long a pending item is left to the request that wrote it. No request takes longer."""

_DISABLED_LATELY: Final = timedelta(hours=2)
"""How long every run looks at a disabled account. The hourly comparison has seen it by then."""

logger = Logger()


class UnreconciledError(Exception):
    """Something could not be reconciled; the log names it. Everything else is done."""


def reconcile(*, everything: bool) -> Reconciliation:
    """Finish pending changes, lock out accounts that somebody disabled in Cognito, and return the run.

    With `everything`, it compares every account with its row.
    """
    run = Reconciliation()
    run.finish_pending()
    run.lock_out_disabled()
    if everything:
        run.reconcile_accounts()
    return run


class Reconciliation:
    """One run: the number of things done, by kind, and of failures. A failure does not stop the run."""

    def __init__(self) -> None:
        self._pool = user_pool()
        self._mails = invitation_mails(clients.dynamodb())
        self._usage_plan = usage_plan()
        self.done = Counter[str]()
        self.failed = 0

    @property
    def tenant_keys(self) -> int:
        """How many keys the usage plan has: one for each tenant, and one for all newcomers."""
        return len(self._keys_in_plan)

    @cached_property
    def _keys_in_plan(self) -> frozenset[str]:
        """The keys in the usage plan, listed once per run: API Gateway allows few calls a second per AWS account."""
        return self._usage_plan.list_keys()

    def raise_failures(self) -> None:
        """Raise UnreconciledError if anything failed. The next run retries it."""
        if self.failed:
            message = f"{self.failed} of {self.done.total() + self.failed} could not be reconciled"
            raise UnreconciledError(message)

    def finish_pending(self) -> None:
        """Finish what was interrupted: changes of users, invitations, tenants being created or deleted."""
        until = clock.timestamp(clock.now() - PATIENCE)
        for item in pending(clients.dynamodb(), DEPLOYMENT.tables.users, until=until):
            self._attempt("pending", item["PK"], partial(self._finish, item))

    def lock_out_disabled(self) -> None:
        """Deactivate the users whose accounts were disabled in Cognito lately: one request for 60 of them."""
        for account in self._pool.list_disabled(since=clock.now() - _DISABLED_LATELY):
            if TENANT_ID.fullmatch(account.tenant_id):
                users = UserRepository(of_tenant(account.tenant_id))
                row = users.get(account.id)
                if row is not None and row.active and row.task_key != PENDING:
                    self._attempt("disabled", account.id, partial(self._lock_out, users, account))

    def _lock_out(self, users: UserRepository, account: Account) -> None:
        if _is_active(TenantRepository(of_tenant(account.tenant_id)).get()):
            self._reconcile_user(users, account.tenant_id, account.id)

    def reconcile_accounts(self) -> None:
        """Compare every account with its row, and copy what is different in Cognito to the table.

        Invitations that expired end. Accounts that were made for invitations are deleted if nobody used them, so that
        the address can sign up.
        """
        roles = self._pool.list_roles()
        tenants: dict[str, dict[str, Account]] = defaultdict(dict)
        unused: list[Account] = []
        for account in self._pool.list_accounts():
            if account.tenant_id:
                tenants[account.tenant_id][account.id] = account
            elif account.is_unused:
                unused.append(account)
        for tenant_id, accounts in tenants.items():
            self._attempt("tenant", tenant_id, partial(self._reconcile_tenant, tenant_id, accounts, roles))
        for account in unused:
            self._delete_unused(account)

    def _attempt(self, kind: str, item: str, do: Callable[[], None]) -> None:
        try:
            do()
        except Exception:
            logger.exception("not reconciled", extra={"kind": kind, "item": item})
            self.failed += 1
        else:
            self.done[kind] += 1

    def _delete_unused(self, account: Account) -> None:
        """Delete an account that nobody used and nobody invites any more.

        An address in its cooldown stays: somebody may be inviting it at this moment, and nobody gets a password by
        email more often than the cooldown allows.
        """
        invitations = invitations_to(clients.dynamodb(), DEPLOYMENT.tables.users, account.id)
        if self._mails.is_recent(account.email) or next(invitations, None) is not None:
            return
        self._attempt("unused", account.id, partial(self._delete_if_unused, account.id))

    def _delete_if_unused(self, user_id: str) -> None:
        account = self._pool.get_account(user_id)
        if account is not None and account.is_unused:
            self._pool.delete_account(user_id)

    def _finish(self, item: Mapping[str, Any]) -> None:
        """Finish a pending item, if it is still pending."""
        tenant_id = item["PK"].split("#")[1]
        match item["SK"]:
            case "TENANT":
                finish_tenant(tenant_id)
            case "DELETION":
                resume_deletion(tenant_id)
            # If the tenant is being deleted, its erasure handles both. Released accounts must stay released.
            case "USER" if _is_active(TenantRepository(of_tenant(tenant_id)).get()):
                users = UserRepository(of_tenant(tenant_id))
                user = users.get(item["id"])
                if user is not None and user.task_key == PENDING:
                    sync_account(users, self._pool, user)
            case "INVITATION" if _is_active(TenantRepository(of_tenant(tenant_id)).get()):
                self._finish_invitation(UserRepository(of_tenant(tenant_id)), item["email"])

    def _finish_invitation(self, users: UserRepository, email: str) -> None:
        invitation = users.get_invitation(email)
        if invitation is None:
            return
        try:
            complete_invitation(users, self._pool, invitation, self._mails)
        except (UserExistsError, InvitedRecentlyError, BadRequestError) as error:
            logger.warning("invitation dropped", extra={"tenantId": invitation.tenant_id, "reason": error.code})

    def _reconcile_tenant(
        self, tenant_id: str, accounts: Mapping[str, Account], roles: Mapping[str, TenantRole]
    ) -> None:
        """Compare the accounts of one tenant with its rows."""
        if not TENANT_ID.fullmatch(tenant_id):
            logger.warning("accounts of no tenant", extra={"tenantId": tenant_id, "accounts": len(accounts)})
            return
        tenant = TenantRepository(of_tenant(tenant_id)).get()
        if tenant is None:
            self._delete_orphans(tenant_id, accounts)
        if tenant is None or not _is_active(tenant):
            return
        if usage_key(tenant_id) not in self._keys_in_plan:
            self._usage_plan.ensure_key(tenant_id)
        users = UserRepository(of_tenant(tenant_id))
        rows = {user.id: user for user in users.list_people()}
        for user_id in sorted(accounts.keys() | rows.keys()):
            row, account = rows.get(user_id), accounts.get(user_id)
            if row is not None and row.is_invited and account is None:
                if row.active and not row.may_accept(clock.timestamp(clock.now())):
                    self._attempt("invitation", user_id, partial(_end_expired, users, user_id))
            elif _may_differ(row, account, roles.get(user_id)):
                self._attempt("user", user_id, partial(self._reconcile_user, users, tenant_id, user_id))
        self._count_admins(users, tenant, rows)

    def _delete_orphans(self, tenant_id: str, accounts: Mapping[str, Account]) -> None:
        """Delete accounts that were created in Cognito for a tenant while it was being deleted."""
        if TenantRepository(of_tenant(tenant_id)).deletion() is None:
            logger.warning("accounts of no tenant", extra={"tenantId": tenant_id, "accounts": len(accounts)})
            return
        for user_id in accounts:
            account = self._pool.get_account(user_id)
            if account is not None and account.tenant_id == tenant_id:  # not released since
                self._pool.delete_account(user_id)

    def _reconcile_user(self, users: UserRepository, tenant_id: str, user_id: str) -> None:
        """Make a row match its account, after reading both again."""

        def attempt() -> User | None:
            row, account = users.get(user_id), self._pool.get_account(user_id)
            if row is not None and row.task_key == PENDING:
                return None
            if account is None or account.tenant_id != tenant_id:
                if row is not None and not row.is_invited:
                    deactivate(users, row)
                return None
            role = self._pool.get_role(user_id) or (row.role if row else None)
            if role is None:
                logger.warning("account without a role", extra={"tenantId": tenant_id, "userId": user_id})
                return None
            if row is None:
                _create_row(users, account, role)
                return None
            return _update_row(users, row, account, role)

        changed = until_written(attempt)
        if changed is not None:
            sync_account(users, self._pool, changed)  # invalidates older tokens

    def _count_admins(self, users: UserRepository, tenant: Tenant, rows: Mapping[str, User]) -> None:
        """Correct the tenant's count of admins if it is wrong. The index may be late, so every row is read."""
        if sum(user.counts_as_admin for user in rows.values()) == tenant.admins:
            return
        found = sum(user.counts_as_admin for user in map(users.get, rows) if user is not None)
        if found != tenant.admins and users.correct_admins(tenant.admins, found):
            logger.warning(
                "count of admins corrected", extra={"tenantId": tenant.id, "was": tenant.admins, "is": found}
            )


def _end_expired(users: UserRepository, user_id: str) -> None:
    """End an invitation that has expired, after reading it again: it may have been accepted or repeated."""

    def attempt() -> None:
        row = users.get(user_id)
        if row and row.is_invited and row.active and not row.may_accept(clock.timestamp(clock.now())):
            end_invitation(users, row)

    until_written(attempt)


def _create_row(users: UserRepository, account: Account, role: TenantRole) -> None:
    """Write the row of an account that has none, unless a pending invitation will."""
    # The transaction that writes the row deletes the invitation, so the invitation is read after the row.
    if users.get_invitation(account.email) is None:
        with suppress(RowExistsError):  # another run was faster
            users.create(new_person(account, account.tenant_id, role, active=account.enabled))


def _update_row(users: UserRepository, row: User, account: Account, role: TenantRole) -> User | None:
    """Copy what is different in Cognito to the row. Return the row if older tokens must become invalid.

    A row from before rows said from when tokens count, or that lost it, gets the current time: tokens issued before it
    stay invalid. An invited account that was put into the tenant by hand has accepted.
    """
    valid_from = this_second() if row.tokens_valid_from is None else row.tokens_valid_from
    values: dict[str, Any] = {"email": _address(account, row), "role": role, "active": account.enabled}
    values["tokens_valid_from"] = valid_from
    after = next_version(row, values | ({"invited_until": None} if row.is_invited else {}))
    if (after.role, after.active, after.invited_until) != (row.role, row.active, row.invited_until):
        after = mark_pending(after)
        users.update_access(row, after, last_admin_may_go=True)
        return after
    if after is not row:
        users.update_profile(row, after)
    return None


def _may_differ(row: User | None, account: Account | None, role: TenantRole | None) -> bool:
    """Return whether a row seems to differ from its account, by lists that may be out of date."""
    if row is None or account is None:
        return row is None or row.active
    seen = (row.active, row.role, row.email, row.invited_until)
    differs = seen != (account.enabled, role or row.role, _address(account, row), None)
    return row.task_key != PENDING and (differs or row.tokens_valid_from is None)


def _address(account: Account, row: User) -> str | None:
    """Return the address for a row: the account's if it is verified, or else the row's."""
    return account.email.lower() if account.email_verified else row.email


def _is_active(tenant: Tenant | None) -> bool:
    return tenant is not None and tenant.state is TenantState.ACTIVE
