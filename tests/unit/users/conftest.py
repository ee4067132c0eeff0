"""A user pool on moto beside the users table, and people who are in both."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.session import get_session
from moto.backends import get_backend
from moto.cognitoidp.models import CognitoIdpUserPool
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import DynamoDBBackend
from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.support import ADMIN, AGENT, MOMENT_TEXT, REPORTER, USERS_TABLE, a_person, data_of, put_item
from ticketing.access.roles import Role
from ticketing.aws import clients
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.people.keys import user_key
from ticketing.users.models import User
from ticketing.users.repository import UserRepository
from ticketing.users.rows import user_item
from ticketing.users.states import TenantState
from ticketing.users.tenant_models import Tenant, TenantSettings
from ticketing.users.user_pool import TENANT, UserPool

PLAN = "plan-of-the-tests"
ROLES = (Role.ADMIN, Role.AGENT, Role.REPORTER)


class World:
    """The users table and the user pool, and what is asked of both."""

    def __init__(self, dynamodb: DynamoDBClient, cognito: CognitoIdentityProviderClient, pool_id: str) -> None:
        self.dynamodb = dynamodb
        self.cognito = cognito
        self.pool_id = pool_id
        self.users = UserRepository(data_of(dynamodb, "acme"))
        self.accounts = UserPool(cognito, pool_id)
        self.asked: list[str] = []
        """The operations of AWS that were asked for, in order."""
        for client in (dynamodb, cognito):
            client.meta.events.register("before-call", lambda model, **_: self.asked.append(model.name))

    # --- what is there ---

    def tenant(self, tenant_id: str = "acme", **values: Any) -> None:
        """Write a tenant; `allowed_email_domains` is a setting of it, the rest are its fields."""
        settings = TenantSettings(allowed_email_domains=values.pop("allowed_email_domains", []))
        tenant = Tenant.model_validate(
            {
                "id": tenant_id,
                "name": tenant_id,
                "state": TenantState.ACTIVE,
                "settings": settings,
                "admins": 1,
                "foundedById": "somebody",
                "version": 1,
                "createdAt": MOMENT_TEXT,
                "updatedAt": MOMENT_TEXT,
            }
        ).model_copy(update=values)
        key = {"PK": f"TENANT#{tenant_id}#TENANT", "SK": "TENANT"}
        self.put(key | tenant.model_dump(mode="json", by_alias=True))

    def account(self, email: str, tenant_id: str | None, role: Role | None, **attributes: str) -> str:
        """Make an account of somebody who has signed in, and return its id."""
        values = {"email": email, "email_verified": "true"} | ({TENANT: tenant_id} if tenant_id else {}) | attributes
        user = self.cognito.admin_create_user(
            UserPoolId=self.pool_id,
            Username=email,
            UserAttributes=[{"Name": name, "Value": value} for name, value in values.items()],
        )["User"]
        self.cognito.admin_set_user_password(
            UserPoolId=self.pool_id, Username=user["Username"], Password="Demo-password-1", Permanent=True
        )
        if role:
            self.cognito.admin_add_user_to_group(
                UserPoolId=self.pool_id, Username=user["Username"], GroupName=role.value
            )
        return user["Username"]

    def row(self, user_id: str, name: str = "Somebody", role: Role = Role.AGENT, **values: Any) -> User:
        """Write the row of a person of acme and return it."""
        email = f"{name.lower().replace(' ', '.')}@acme.example"
        user = a_person(user_id, name=name, email=email, role=role).model_copy(update=values)
        self.put(user_item(user))
        return user

    def person(self, name: str, role: Role = Role.AGENT, **values: Any) -> User:
        """Make somebody who is in the pool and in the table alike."""
        email = f"{name.lower().replace(' ', '.')}@acme.example"
        return self.row(self.account(email, "acme", role), name, role, **values)

    def put(self, item: dict[str, Any]) -> None:
        put_item(USERS_TABLE, to_item(item))

    # --- what became of it ---

    def stored(self, user_id: str) -> dict[str, Any] | None:
        """Return a row of acme as it is stored."""
        key = to_item(user_key("acme", user_id))
        item = self.dynamodb.get_item(TableName=USERS_TABLE, Key=key, ConsistentRead=True).get("Item")
        return from_item(item) if item else None

    def now(self, user: User) -> User:
        """Return a user as the table has them."""
        found = self.users.get(user.id)
        assert found is not None
        return found

    def groups(self, user_id: str) -> set[str]:
        answer = self.cognito.admin_list_groups_for_user(UserPoolId=self.pool_id, Username=user_id)
        return {group["GroupName"] for group in answer["Groups"]}

    def attribute(self, user_id: str, name: str) -> str | None:
        answer = self.cognito.admin_get_user(UserPoolId=self.pool_id, Username=user_id)
        return next((one["Value"] for one in answer["UserAttributes"] if one["Name"] == name), None)

    def void_before(self, user_id: str) -> int | None:
        """Return from when on a person's tokens count, as the authorizer reads it."""
        row = self.stored(user_id)
        return None if row is None else row.get("tokensValidFrom")

    def enabled(self, user_id: str) -> bool:
        return self.cognito.admin_get_user(UserPoolId=self.pool_id, Username=user_id)["Enabled"]

    def acme(self) -> Tenant:
        """Return the tenant as it is stored."""
        key = to_item({"PK": "TENANT#acme#TENANT", "SK": "TENANT"})
        return Tenant.model_validate(from_item(self.dynamodb.get_item(TableName=USERS_TABLE, Key=key)["Item"]))

    def admins(self) -> int:
        return self.acme().admins

    # --- what goes wrong ---

    def fails(self, operation: str, code: str = "TooManyRequestsException") -> None:
        """Let an operation fail from now on."""
        client, event = self._event(operation)
        kind = client.exceptions.from_code(code)

        def fail(**_: Any) -> None:
            raise kind({"Error": {"Code": code, "Message": code}}, operation)

        client.meta.events.register(event, fail, unique_id=f"fails-{operation}")

    def works_again(self, operation: str) -> None:
        client, event = self._event(operation)
        client.meta.events.unregister(event, unique_id=f"fails-{operation}")

    def before(self, operation: str, do: Callable[[], Any], *, passing: int = 0) -> None:
        """Do something once, just before an operation is next asked for, or later: so many times are let pass."""
        client, event = self._event(operation)
        pending: list[Callable[[], Any]] = [do, *[lambda: None] * passing]

        def once(**_: Any) -> None:
            if pending:
                pending.pop()()

        client.meta.events.register(event, once)

    def _event(self, operation: str) -> tuple[Any, str]:
        """Return the client that has the operation, and what botocore calls the moment before it is asked."""
        client: Any = self.dynamodb if operation in {"TransactWriteItems", "UpdateItem"} else self.cognito
        return client, f"before-call.{client.meta.service_model.service_id.hyphenize()}.{operation}"


@pytest.fixture(scope="package")
def pool(moto_backend: DynamoDBBackend) -> CognitoIdpUserPool:  # noqa: ARG001 - it is moto that has to run
    """Keep one user pool with its groups for all tests: making it costs 150 ms."""
    cognito: Any = get_session().create_client("cognito-idp", region_name="us-east-1")
    pool_id = cognito.create_user_pool(
        PoolName="people",
        UsernameAttributes=["email"],
        Schema=[{"Name": TENANT.removeprefix("custom:"), "AttributeDataType": "String", "Mutable": True}],
    )["UserPool"]["Id"]
    for role in ROLES:
        cognito.create_group(UserPoolId=pool_id, GroupName=role.value)
    made: CognitoIdpUserPool = get_backend("cognito-idp")[DEFAULT_ACCOUNT_ID]["us-east-1"].user_pools[pool_id]
    return made


@pytest.fixture
def world(dynamodb: DynamoDBClient, pool: CognitoIdpUserPool, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return the users table with the tenant acme and nobody in it, and an empty user pool."""
    pool.users.clear()
    for group in pool.groups.values():
        group.users.clear()
    monkeypatch.setenv("USER_POOL_ID", pool.id)
    monkeypatch.setenv("USAGE_PLAN_NAME", PLAN)
    monkeypatch.setenv("INVITATION_COOLDOWN_SECONDS", "3600")
    monkeypatch.setenv("INVITATION_SECONDS", "0")
    monkeypatch.setenv("INVITATIONS_PER_DAY", "20")
    world = World(dynamodb, clients.cognito(), pool.id)
    world.tenant()
    world.asked.clear()
    return world


@pytest.fixture
def staff(world: World) -> World:
    """Return the world with the rows of ADMIN, AGENT and REPORTER, who are not in the pool."""
    world.row(ADMIN.user_id, "Ada", Role.ADMIN)
    world.row(AGENT.user_id, "Ben", Role.AGENT)
    world.row(REPORTER.user_id, "Cleo", Role.REPORTER)
    return world
