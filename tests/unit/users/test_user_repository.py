"""Rows of people: lists and their cursors, who counts as an admin, and races for it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.support import ADMIN, ADMIN_ID, AGENT_ID, OTHER_ID, REPORTER_ID, USERS_TABLE, data_of
from tests.unit.users.conftest import World
from ticketing import ids
from ticketing.access.roles import Role
from ticketing.dynamodb import cursors
from ticketing.dynamodb.attributes import to_item
from ticketing.dynamodb.transactions import VersionConflictError
from ticketing.errors import BadRequestError
from ticketing.users.errors import LastAdminError, TenantNotFoundError
from ticketing.users.models import Invitation, User
from ticketing.users.operations import next_version
from ticketing.users.repository import RowExistsError, UserFilter, UserRepository, pending
from ticketing.users.rows import name_key, user_item
from ticketing.users.states import Kind, TenantState


def everybody(users: UserRepository, wanted: UserFilter, limit: int = 2) -> list[str]:
    """Return the names of a whole list, taken page by page."""
    names: list[str] = []
    cursor = None
    while True:
        page = users.list(wanted, limit=limit, cursor=cursor)
        assert len(page.items) <= limit
        names += [user.name for user in page.items]
        cursor = page.cursor
        if cursor is None:
            return names


def test_a_user_comes_back_as_written(world: World) -> None:
    user = world.row(
        AGENT_ID, "Ben", time_zone="Europe/Lisbon", tokens_valid_from=7, task_key="PENDING", task_since="x"
    )
    assert world.users.get(AGENT_ID) == user
    assert world.users.get(OTHER_ID) is None
    assert UserRepository(data_of(world.dynamodb, "globex")).get(AGENT_ID) is None


def test_people_are_listed_by_name_as_people_read_it(world: World) -> None:
    names = ["jo ann", "Zoe", "Jo", "Örjan", "ada", "JO"]
    for number, name in enumerate(names):
        world.row(f"{number}{ADMIN_ID[1:]}", name)
    world.row(OTHER_ID, "A key", kind=Kind.API_KEY, email=None)
    world.put(user_item(world.row(REPORTER_ID, "Aaron", tenant_id="globex")))
    assert everybody(world.users, UserFilter()) == ["ada", "Jo", "JO", "jo ann", "Zoe", "Örjan"]
    assert [user.name for user in world.users.list_people()] == everybody(world.users, UserFilter(), limit=100)


def test_a_name_that_grows_when_it_is_folded_still_fits_its_key(world: World) -> None:
    name = "\ufdfa" * 100
    assert len(name_key(name, ADMIN_ID).encode()) < 1024
    world.row(ADMIN_ID, name, email="ada@acme.example")
    assert everybody(world.users, UserFilter(name=name)) == [name]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (UserFilter(role=Role.AGENT), ["Ben", "Bernd"]),
        (UserFilter(active=False), ["Bernd"]),
        (UserFilter(active=True), ["Ada", "Ben", "Cleo"]),
        (UserFilter(name="  bE"), ["Ben", "Bernd"]),
        (UserFilter(name="be", active=True), ["Ben"]),
        (UserFilter(email="BE"), ["Ben", "Bernd"]),
        (UserFilter(email="ben@acme.example"), ["Ben"]),
        (UserFilter(email="be", name="bern"), ["Bernd"]),
        (UserFilter(email="be", role=Role.ADMIN), []),
        (UserFilter(name="x"), []),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 100])
def test_filters(staff: World, wanted: UserFilter, found: list[str], limit: int) -> None:
    staff.row(OTHER_ID, "Bernd", Role.AGENT, active=False)
    assert everybody(staff.users, wanted, limit) == found


def test_people_with_one_address_are_all_found(world: World) -> None:
    """Somebody who left and came back with the same address has two rows; a page may end between them."""
    for number in range(3):
        world.row(f"{number}{ADMIN_ID[1:]}", "Ada")
    assert everybody(world.users, UserFilter(email="ada"), limit=1) == ["Ada"] * 3


def test_a_cursor_belongs_to_its_tenant_and_filter(staff: World) -> None:
    cursor = staff.users.list(UserFilter(), limit=1, cursor=None).cursor
    assert cursor is not None
    other = UserRepository(data_of(staff.dynamodb, "globex"))
    for users, wanted in ((other, UserFilter()), (staff.users, UserFilter(role=Role.AGENT))):
        with pytest.raises(BadRequestError):
            users.list(wanted, limit=1, cursor=cursor)


@pytest.mark.parametrize(
    ("wanted", "position"),
    [
        (UserFilter(), "\U0001f600" * 201),
        (UserFilter(name="b"), "ada"),
        (UserFilter(email="b"), "ada@acme.example"),
        (UserFilter(email="b"), ""),
        (UserFilter(email="\u200b"), ""),
        (UserFilter(email="b"), f"b{'a' * 254}"),
    ],
)
def test_a_cursor_that_somebody_made_up_is_refused(staff: World, wanted: UserFilter, position: str) -> None:
    """It needs no secret, but DynamoDB would fail for where it leads: outside of the list, or longer than a key."""
    cursor = cursors.encode(f"{position}\t{ADMIN_ID}", scope=f"TENANT#acme users {wanted}")
    with pytest.raises(BadRequestError):
        staff.users.list(wanted, limit=1, cursor=cursor)


@pytest.mark.parametrize("wanted", [UserFilter(name="\u200b"), UserFilter(email="\u200b")])
def test_a_filter_that_nobody_can_see_finds_everybody(staff: World, wanted: UserFilter) -> None:
    assert everybody(staff.users, wanted) == ["Ada", "Ben", "Cleo"]


def test_a_filter_that_grows_when_it_is_folded_still_fits_a_key(staff: World) -> None:
    wanted = UserFilter(email="\ufdfa" * 254)
    assert everybody(staff.users, wanted) == []
    values: Any = staff.users._query_for(wanted)["ExpressionAttributeValues"]
    assert len(values[":emailKey"]["S"].encode()) < 1024


def test_a_repository_needs_a_tenant(world: World) -> None:
    for tenant_id in ("", "a#b", "*"):
        with pytest.raises(ValueError, match="tenant"):
            UserRepository(data_of(world.dynamodb, tenant_id))


def a_user(world: World, role: Role) -> User:
    user = world.row(ids.new_id(), "Dora", role)
    world.dynamodb.delete_item(TableName=USERS_TABLE, Key=to_item({key: user_item(user)[key] for key in ("PK", "SK")}))
    return user


@pytest.mark.parametrize(("role", "admins"), [(Role.ADMIN, 2), (Role.AGENT, 1)])
def test_a_new_user_is_counted_and_ends_the_invitation(world: World, role: Role, admins: int) -> None:
    user = a_user(world, role)
    world.users.put_invitation(
        Invitation(tenant_id="acme", email="dora@acme.example", role=role, invited_by_id=ADMIN_ID, task_since="x"),
        tenant=world.acme(),
        day="2026-01-01",
        most=1,
    )
    world.users.create(user, invitation="Dora@acme.example")
    assert world.users.get(user.id) == user
    assert world.users.get_invitation("dora@acme.example") is None
    assert world.admins() == admins
    with pytest.raises(RowExistsError):
        world.users.create(user)
    assert world.admins() == admins


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AGENT])
def test_nobody_joins_or_changes_in_a_tenant_that_goes(world: World, role: Role) -> None:
    known, new = world.row(AGENT_ID, "Ben"), a_user(world, role)
    world.tenant(state=TenantState.DELETING)
    invitation = Invitation(tenant_id="acme", email="x@acme.example", role=role, invited_by_id=ADMIN_ID, task_since="x")
    with pytest.raises(VersionConflictError):
        world.users.put_invitation(invitation, tenant=world.acme(), day="2026-01-01", most=1)
    writes: list[Callable[[], None]] = [
        lambda: world.users.create(new),
        lambda: world.users.update_access(known, next_version(known, {"role": Role.ADMIN})),
        lambda: world.users.update_access(known, next_version(known, {"active": False})),
    ]
    for write in writes:
        with pytest.raises(TenantNotFoundError):
            write()
    assert world.users.get(new.id) is None
    assert world.users.get(AGENT_ID) == known


@pytest.mark.parametrize("values", [{"role": Role.AGENT}, {"active": False}])
def test_the_last_admin_stays(world: World, values: dict[str, object]) -> None:
    ada = world.row(ADMIN_ID, "Ada", Role.ADMIN)
    with pytest.raises(LastAdminError):
        world.users.update_access(ada, next_version(ada, values))
    assert world.now(ada) == ada
    world.users.update_access(ada, next_version(ada, values), last_admin_may_go=True)
    assert world.admins() == 0


def test_of_two_admins_who_demote_each_other_one_stays(world: World) -> None:
    world.tenant(admins=2)
    ada, ben = world.row(ADMIN_ID, "Ada", Role.ADMIN), world.row(AGENT_ID, "Ben", Role.ADMIN)
    other = UserRepository(data_of(world.dynamodb, "acme"))
    world.before("TransactWriteItems", lambda: other.update_access(ben, next_version(ben, {"role": Role.AGENT})))
    with pytest.raises(LastAdminError):
        world.users.update_access(ada, next_version(ada, {"role": Role.AGENT}))
    assert (world.now(ada).role, world.now(ben).role) == (Role.ADMIN, Role.AGENT)
    assert world.admins() == 1


def test_a_lost_race_comes_before_the_last_admin(world: World) -> None:
    """Ada was demoted by somebody else already: what is decided anew is no change, not a refusal."""
    world.tenant(admins=2)
    world.row(AGENT_ID, "Ben", Role.ADMIN)
    ada = world.row(ADMIN_ID, "Ada", Role.ADMIN)
    world.users.update_access(ada, next_version(ada, {"role": Role.AGENT}))
    with pytest.raises(VersionConflictError):
        world.users.update_access(ada, next_version(ada, {"active": False}))
    assert world.admins() == 1


def test_only_active_people_count_as_admins(world: World) -> None:
    inactive = world.row(AGENT_ID, "Ben", Role.ADMIN, active=False)
    world.users.update_access(inactive, next_version(inactive, {"role": Role.REPORTER}))
    assert world.admins() == 1
    back = world.row(OTHER_ID, "Cleo", Role.ADMIN, active=False)
    world.users.update_access(back, next_version(back, {"active": True}))
    assert world.admins() == 2


def test_a_changed_name_moves_the_row_in_the_list(staff: World) -> None:
    ada = staff.users.get(ADMIN_ID)
    assert ada is not None
    staff.users.update_profile(ada, next_version(ada, {"name": "Zita"}))
    assert everybody(staff.users, UserFilter()) == ["Ben", "Cleo", "Zita"]
    with pytest.raises(VersionConflictError):
        staff.users.update_profile(ada, next_version(ada, {"name": "Yves"}))


def test_a_marker_goes_only_for_the_version_that_was_told(world: World) -> None:
    marks: dict[str, Any] = {"task_key": "PENDING", "task_since": "2026-02-02T08:00:00.000Z"}
    told = world.row(ADMIN_ID, "Ada", **marks)
    latest = world.row(ADMIN_ID, "Ada", version=2, **marks)
    found = [item["id"] for item in pending(world.dynamodb, USERS_TABLE, until="2026-02-02T08:00:00.000Z")]
    assert found == [ADMIN_ID]
    assert not list(pending(world.dynamodb, USERS_TABLE, until="2026-02-02T07:59:59.999Z"))
    with pytest.raises(VersionConflictError):
        world.users.clear_pending(told)
    assert world.now(latest) == latest
    world.users.clear_pending(latest)
    assert world.now(latest).task_key is None
    assert not list(pending(world.dynamodb, USERS_TABLE, until="3"))


def test_a_wrong_count_is_corrected_once(world: World) -> None:
    assert ADMIN.tenant_id == "acme"
    assert world.users.correct_admins(1, 3)
    assert not world.users.correct_admins(1, 4)
    assert world.admins() == 3
