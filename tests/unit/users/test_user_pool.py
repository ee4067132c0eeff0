"""What Cognito is told, and that it may be told again."""

import pytest

from tests.unit.users.conftest import World
from ticketing.access.roles import Role
from ticketing.users.user_pool import (
    NEVER_SIGNED_IN,
    TENANT,
    AccountNotFoundError,
    EmailTakenError,
)


def test_an_account_is_found_by_id_and_by_address(world: World) -> None:
    user_id = world.account("ada@acme.example", "acme", Role.ADMIN, name="\x1bAda\r\n")
    account = world.accounts.get_account(user_id)
    assert account == world.accounts.get_account("ada@acme.example")
    assert account is not None
    assert (account.id, account.email, account.email_verified) == (user_id, "ada@acme.example", True)
    assert (account.tenant_id, account.name, account.status, account.enabled) == ("acme", "Ada", "CONFIRMED", True)
    assert world.accounts.get_account("nobody@acme.example") is None


def test_somebody_without_a_tenant_belongs_to_none(world: World) -> None:
    account = world.accounts.get_account(world.account("new@acme.example", None, None))
    assert account is not None
    assert account.tenant_id == ""


@pytest.mark.parametrize("role", [Role.REPORTER, Role.AGENT, Role.ADMIN])
def test_a_told_account_is_in_the_group_of_its_role_and_in_no_other(world: World, role: Role) -> None:
    user = world.person("Ada", Role.ADMIN)
    world.cognito.admin_add_user_to_group(UserPoolId=world.pool_id, Username=user.id, GroupName="agent")
    for _ in range(2):
        world.accounts.update_account(user.model_copy(update={"role": role}))
        assert world.groups(user.id) == {role.value}


def test_somebody_inactive_is_signed_out_and_disabled_and_comes_back(world: World) -> None:
    user = world.person("Ada")
    world.asked.clear()
    world.accounts.update_account(user.model_copy(update={"active": False}))
    assert "AdminUserGlobalSignOut" in world.asked
    assert not world.enabled(user.id)
    world.accounts.update_account(user)
    assert world.enabled(user.id)


def test_an_account_of_another_tenant_is_left_alone(world: World) -> None:
    """Somebody who moved on must not be drawn back by an admin of the tenant that they left."""
    user = world.row(world.account("ada@globex.example", "globex", Role.REPORTER), "Ada", Role.ADMIN)
    with pytest.raises(AccountNotFoundError):
        world.accounts.update_account(user)
    assert world.attribute(user.id, TENANT) == "globex"
    assert world.groups(user.id) == {"reporter"}


def test_telling_an_account_that_is_gone(world: World) -> None:
    user = world.person("Ada")
    world.before("AdminUpdateUserAttributes", lambda: world.accounts.delete_account(user.id))
    with pytest.raises(AccountNotFoundError):
        world.accounts.update_account(user)
    with pytest.raises(AccountNotFoundError):
        world.accounts.update_account(user)
    with pytest.raises(AccountNotFoundError):
        world.accounts.get_role(user.id)


def test_a_released_account_has_no_tenant_and_no_role(world: World) -> None:
    user = world.person("Ada", Role.ADMIN)
    for _ in range(2):
        world.accounts.release_account(user.id)
        account = world.accounts.get_account(user.id)
        assert account is not None
        assert (account.tenant_id, world.groups(user.id)) == ("", set())


def test_what_is_gone_can_be_released_and_removed(world: World) -> None:
    user = world.person("Ada")
    for _ in range(2):
        world.accounts.delete_account(user.id)
        world.accounts.release_account(user.id)
    assert world.accounts.get_account(user.id) is None


def test_an_invited_account_is_verified_and_of_no_tenant(world: World) -> None:
    account = world.accounts.create_account("ben@acme.example")
    assert account == world.accounts.get_account("ben@acme.example")
    assert (account.tenant_id, account.email_verified, account.status) == ("", True, NEVER_SIGNED_IN)
    assert account.is_unused
    with pytest.raises(EmailTakenError):
        world.accounts.create_account("ben@acme.example")


def test_everyone_and_their_widest_roles_over_several_pages(world: World) -> None:
    ids = {world.account(f"p{number}@acme.example", "acme", Role.REPORTER) for number in range(61)}
    ada = world.account("ada@acme.example", "acme", Role.ADMIN)
    world.cognito.admin_add_user_to_group(UserPoolId=world.pool_id, Username=ada, GroupName="reporter")
    nobody = world.account("none@acme.example", "acme", None)
    assert {account.id for account in world.accounts.list_accounts()} == ids | {ada, nobody}
    assert world.accounts.list_roles() == dict.fromkeys(ids, Role.REPORTER) | {ada: Role.ADMIN}
    assert world.accounts.get_role(ada) is Role.ADMIN
    assert world.accounts.get_role(nobody) is None
