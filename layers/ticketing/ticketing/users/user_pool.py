"""Who can sign in: the accounts of the Cognito user pool.

The table says who somebody is and what they may do; Cognito puts it into their tokens. So all that is done here says
how an account shall be, and may be said again with the same result.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ticketing import clock
from ticketing.access.identity import NOBODYS
from ticketing.access.roles import Role
from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_cognito_idp.type_defs import AttributeTypeTypeDef

    from ticketing.users.models import TenantRole, User

TENANT: Final = "custom:tenantId"
"""The attribute that names an account's tenant; missing or empty for somebody who belongs to none."""

TOKENS_VALID_FROM: Final = "custom:tokensValidFrom"
"""The attribute that voids an account's tokens issued before, in seconds since 1970."""

NEVER_SIGNED_IN: Final = "FORCE_CHANGE_PASSWORD"
"""The status of somebody who was invited and has not set a password yet."""

UNCONFIRMED: Final = "UNCONFIRMED"
"""The status of somebody who signed up, and has not proved that the address is theirs."""

_ROLES: Final[tuple[TenantRole, ...]] = (Role.ADMIN, Role.AGENT, Role.REPORTER)
"""The groups, the widest first: it counts for an account in several."""


class AccountNotFoundError(Exception):
    """The user pool has no such account."""


class EmailTakenError(Exception):
    """Some account has this address already; nothing was made."""


class EmailRejectedError(Exception):
    """Cognito takes no such address; nothing was made."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the user pool. `id` is the `sub` of its tokens; `tenant_id` is empty where there is none."""

    id: str
    email: str
    email_verified: bool
    tenant_id: str
    name: str | None
    status: str
    enabled: bool


class UserPool:
    """The accounts of one user pool; its ids and its e-mail addresses both name an account."""

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
        """Return the role that an account's groups give it, or None if they give it none.

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

    def list_roles(self) -> dict[str, TenantRole]:
        """Return the role of each account that is in a group: one request for each 60, and one more for each group."""
        found: dict[str, TenantRole] = {}
        pages = self._client.get_paginator("list_users_in_group")
        for role in reversed(_ROLES):
            for page in pages.paginate(UserPoolId=self._pool, GroupName=role.value):
                found |= {_account(user, user["Attributes"]).id: role for user in page["Users"]}
        return found

    def create_account(self, email: str, tenant_id: str) -> Account:
        """Make an account of a tenant and mail its owner a password to sign in with once.

        Raises
        ------
        EmailTakenError, EmailRejectedError
            There is an account with this address; Cognito takes no such address.
        """
        attributes = {"email": email, "email_verified": "true", TENANT: tenant_id}
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
        """Mail somebody who never signed in another password."""
        self._client.admin_create_user(
            UserPoolId=self._pool,
            Username=account.email,
            MessageAction="RESEND",
            DesiredDeliveryMediums=["EMAIL"],
        )

    def update_account(self, user: User) -> None:
        """Make the account what the user's row says: tenant, group, enabled, and which tokens are void.

        The groups come first: a token that was issued in the meantime, with the old ones, is void too.

        Raises
        ------
        AccountNotFoundError
            There is no such account, or it belongs to another tenant.
        """
        account = self.get_account(user.id)
        if account is None or account.tenant_id not in {NOBODYS, user.tenant_id}:
            raise AccountNotFoundError
        attributes = {TENANT: user.tenant_id}
        try:
            if not user.active:
                self._client.admin_user_global_sign_out(UserPoolId=self._pool, Username=user.id)
                self._client.admin_disable_user(UserPoolId=self._pool, Username=user.id)
            self._put_into(user.id, {user.role})
            if user.tokens_valid_from is not None:
                attributes[TOKENS_VALID_FROM] = str(max(user.tokens_valid_from, next_second()))
            self._client.admin_update_user_attributes(
                UserPoolId=self._pool, Username=user.id, UserAttributes=_attributes(attributes)
            )
            if user.active and not account.enabled:
                self._client.admin_enable_user(UserPoolId=self._pool, Username=user.id)
        except self._client.exceptions.UserNotFoundException as error:
            raise AccountNotFoundError from error

    def release_account(self, user_id: str) -> None:
        """Take an account out of its tenant and its role; without an account, do nothing."""
        try:
            self._put_into(user_id, set())
            # An empty value removes the attribute, whether or not it is there.
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

    def _put_into(self, user_id: str, wanted: set[TenantRole]) -> None:
        """Put an account into the groups wanted, and out of those of the other roles."""
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
    """Return the accounts of the deployment's user pool."""
    return UserPool(clients.cognito(), DEPLOYMENT.user_pool_id)


def next_second() -> int:
    """Return the first second (since 1970) whose tokens are surely issued later than now: theirs are whole seconds."""
    return math.floor(clock.now().timestamp()) + 1


def _account(user: Mapping[str, Any], attributes: Sequence[AttributeTypeTypeDef]) -> Account:
    values = {attribute["Name"]: attribute.get("Value", "") for attribute in attributes}
    return Account(
        id=values["sub"],
        email=values.get("email", ""),
        email_verified=values.get("email_verified") == "true",
        tenant_id=values.get(TENANT, ""),
        name=values.get("name") or None,
        status=user["UserStatus"],
        enabled=user["Enabled"],
    )


def _attributes(values: Mapping[str, str]) -> list[AttributeTypeTypeDef]:
    return [{"Name": name, "Value": value} for name, value in values.items()]
