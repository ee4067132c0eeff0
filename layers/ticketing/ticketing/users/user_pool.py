"""The accounts of the Cognito user pool.

The users table decides on tenant, role and activity. Cognito signs people in, and puts their tenant into tokens. So the
methods here set the state of an account, and are idempotent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from ticketing.access.identity import NOBODYS
from ticketing.access.roles import Role
from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT
from ticketing.text import one_line

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_cognito_idp.type_defs import AttributeTypeTypeDef

    from ticketing.users.models import TenantRole, User

TENANT: Final = "custom:tenantId"
"""The attribute with an account's tenant; missing or empty for people without a tenant."""

NEVER_SIGNED_IN: Final = "FORCE_CHANGE_PASSWORD"
"""The status of invited people who have not set a password yet."""

UNCONFIRMED: Final = "UNCONFIRMED"
"""The status of people who signed up and have not verified their address."""

_MADE_FOR_INVITATION: Final = ("profile", "invited")
"""The attribute that tells accounts that were created for invitations from those that somebody created by hand."""

_ROLES: Final[tuple[TenantRole, ...]] = (Role.ADMIN, Role.AGENT, Role.REPORTER)
"""The groups, the most powerful role first: it counts for an account in several groups."""


class AccountNotFoundError(Exception):
    """The user pool has no such account."""


class EmailTakenError(Exception):
    """Another account has this e-mail address. Nothing was created."""


class EmailRejectedError(Exception):
    """Cognito rejects this e-mail address. Nothing was created."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the user pool. `id` is the `sub` of its tokens; `tenant_id` is empty without a tenant."""

    id: str
    email: str
    email_verified: bool
    tenant_id: str
    name: str | None
    status: str
    enabled: bool
    made_for_invitation: bool

    @property
    def is_unused(self) -> bool:
        """Whether the account was created for an invitation, and its owner never signed in."""
        return self.made_for_invitation and self.status == NEVER_SIGNED_IN and not self.tenant_id


class UserPool:
    """The accounts of one user pool. Both their ids and their e-mail addresses identify them."""

    def __init__(self, client: CognitoIdentityProviderClient, pool_id: str) -> None:
        self._client = client
        self._pool = pool_id

    def get_account(self, name: str) -> Account | None:
        """Return the account with this id or e-mail address, or None if there is none."""
        try:
            answer = self._client.admin_get_user(UserPoolId=self._pool, Username=name)
        except self._client.exceptions.UserNotFoundException:
            return None
        return _account(answer, answer["UserAttributes"])

    def get_role(self, user_id: str) -> TenantRole | None:
        """Return the role of an account, by its groups; None if it is in no group.

        Raises
        ------
        AccountNotFoundError
            There is no such account.
        """
        groups = self._groups(user_id)
        return next((role for role in _ROLES if role in groups), None)

    def list_accounts(self) -> Iterator[Account]:
        """Return all accounts: one request for each 60."""
        for page in self._client.get_paginator("list_users").paginate(UserPoolId=self._pool):
            for user in page["Users"]:
                yield _account(user, user["Attributes"])

    def list_disabled(self, *, since: datetime) -> Iterator[Account]:
        """Return the disabled accounts that were changed since then: one request for each 60 disabled ones."""
        pages = self._client.get_paginator("list_users")
        for page in pages.paginate(UserPoolId=self._pool, Filter='status = "Disabled"'):
            for user in page["Users"]:
                if user["UserLastModifiedDate"] >= since:
                    yield _account(user, user["Attributes"])

    def list_roles(self) -> dict[str, TenantRole]:
        """Return the role of each account that is in a group: one request for each 60, and one more for each group."""
        found: dict[str, TenantRole] = {}
        pages = self._client.get_paginator("list_users_in_group")
        for role in reversed(_ROLES):
            for page in pages.paginate(UserPoolId=self._pool, GroupName=role.value):
                found |= {_account(user, user["Attributes"]).id: role for user in page["Users"]}
        return found

    def create_account(self, email: str) -> Account:
        """Create an account for an invitation, of no tenant. Cognito emails a temporary password to its owner.

        Raises
        ------
        EmailTakenError, EmailRejectedError
            Another account has this address; Cognito rejects it.
        """
        attributes = dict([("email", email), ("email_verified", "true"), _MADE_FOR_INVITATION])
        try:
            user = self._client.admin_create_user(
                UserPoolId=self._pool,
                Username=email,
                UserAttributes=_attributes(attributes),
                DesiredDeliveryMediums=["EMAIL"],
            )["User"]
        except self._client.exceptions.UsernameExistsException as error:
            raise EmailTakenError from error
        except self._client.exceptions.InvalidParameterException as error:
            raise EmailRejectedError from error
        return _account(user, user["Attributes"])

    def resend_invitation(self, account: Account) -> None:
        """Email another temporary password to somebody who never signed in. The earlier one becomes invalid."""
        self._client.admin_create_user(
            UserPoolId=self._pool,
            Username=account.email,
            MessageAction="RESEND",
            DesiredDeliveryMediums=["EMAIL"],
        )

    def update_account(self, user: User) -> None:
        """Make the account match the user's row: tenant, group, and whether it is enabled.

        Raises
        ------
        AccountNotFoundError
            There is no such account, or it belongs to another tenant.
        """
        account = self.get_account(user.id)
        if account is None or account.tenant_id not in {NOBODYS, user.tenant_id}:
            raise AccountNotFoundError
        try:
            if not user.active:
                self._client.admin_user_global_sign_out(UserPoolId=self._pool, Username=user.id)
                self._client.admin_disable_user(UserPoolId=self._pool, Username=user.id)
            self._set_groups(user.id, {user.role})
            self._client.admin_update_user_attributes(
                UserPoolId=self._pool, Username=user.id, UserAttributes=_attributes({TENANT: user.tenant_id})
            )
            if user.active and not account.enabled:
                self._client.admin_enable_user(UserPoolId=self._pool, Username=user.id)
        except self._client.exceptions.UserNotFoundException as error:
            raise AccountNotFoundError from error

    def end_sessions(self, user_id: str) -> None:
        """Revoke all refresh tokens of an account; without an account, do nothing."""
        try:
            self._client.admin_user_global_sign_out(UserPoolId=self._pool, Username=user_id)
        except self._client.exceptions.UserNotFoundException:
            return

    def release_account(self, user_id: str) -> None:
        """Remove an account from its tenant and its group; without an account, do nothing."""
        try:
            self._set_groups(user_id, set())
            # An empty value removes the attribute, if there is one.
            self._client.admin_update_user_attributes(
                UserPoolId=self._pool, Username=user_id, UserAttributes=_attributes({TENANT: ""})
            )
        except (AccountNotFoundError, self._client.exceptions.UserNotFoundException):
            return

    def delete_account(self, user_id: str) -> None:
        """Delete an account; without one, do nothing."""
        try:
            self._client.admin_delete_user(UserPoolId=self._pool, Username=user_id)
        except self._client.exceptions.UserNotFoundException:
            return

    def _set_groups(self, user_id: str, wanted: set[TenantRole]) -> None:
        """Add an account to these groups, and remove it from the groups of other roles."""
        groups = self._groups(user_id)
        for role in _ROLES:
            if role in groups and role not in wanted:
                self._client.admin_remove_user_from_group(UserPoolId=self._pool, Username=user_id, GroupName=role.value)
            if role in wanted and role not in groups:
                self._client.admin_add_user_to_group(UserPoolId=self._pool, Username=user_id, GroupName=role.value)

    def _groups(self, user_id: str) -> set[str]:
        pages = self._client.get_paginator("admin_list_groups_for_user")
        try:
            return {
                group["GroupName"]
                for page in pages.paginate(UserPoolId=self._pool, Username=user_id)
                for group in page["Groups"]
            }
        except self._client.exceptions.UserNotFoundException as error:
            raise AccountNotFoundError from error


def user_pool() -> UserPool:
    """Return the deployment's user pool."""
    return UserPool(clients.cognito(), DEPLOYMENT.user_pool_id)


def _account(user: Mapping[str, Any], attributes: Sequence[AttributeTypeTypeDef]) -> Account:
    values = {attribute["Name"]: attribute.get("Value", "") for attribute in attributes}
    return Account(
        id=values["sub"],
        email=values.get("email", ""),
        email_verified=values.get("email_verified") == "true",
        tenant_id=values.get(TENANT, ""),
        name=one_line(values.get("name", "")) or None,  # people set it in Cognito themselves
        status=user["UserStatus"],
        enabled=user["Enabled"],
        made_for_invitation=_MADE_FOR_INVITATION in values.items(),
    )


def _attributes(values: Mapping[str, str]) -> list[AttributeTypeTypeDef]:
    return [{"Name": name, "Value": value} for name, value in values.items()]
