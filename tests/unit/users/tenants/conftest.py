"""Tables, a bucket, a user pool, a usage plan and a state machine on moto, and people to fill them with."""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.session import get_session
from moto.dynamodb.models import DynamoDBBackend

from tests.unit.support import (
    BUCKET,
    MOMENT_TEXT,
    NOTIFICATIONS_TABLE,
    SEARCH_BUCKET,
    SEARCH_TABLE,
    TABLE,
    USERS_TABLE,
    data_of,
    put_item,
)
from ticketing.access.roles import Role
from ticketing.aws import clients
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.users.claims import founder_claim, name_claim
from ticketing.users.models import User
from ticketing.users.rows import user_item
from ticketing.users.states import Kind, TenantState
from ticketing.users.tenant_models import Tenant, TenantSettings
from ticketing.users.tenant_repository import TenantRepository
from ticketing.users.usage_plan import UsagePlan

USERS, TICKETS, NOTIFICATIONS, PLAN = USERS_TABLE, TABLE, NOTIFICATIONS_TABLE, "stack-of-tests"
SEARCH = SEARCH_TABLE


@dataclass
class Faults:
    """What goes wrong between the functions and AWS: the call of this number, counted from 1."""

    calls: list[str] = field(default_factory=list)
    at: int | None = None
    answer_only: bool = False
    """The call is carried out, only its answer is lost."""

    def watch(self, client: Any) -> None:
        service = client.meta.service_model.service_id.hyphenize()
        client.meta.events.register(f"before-call.{service}", self._before)
        client.meta.events.register(f"after-call.{service}", self._after)

    def numbers(self, *, answer_only: bool) -> list[int]:
        """Return which of the calls so far may fail; a read whose answer is lost is as good as one that is not done."""
        reads = ("AdminGet", "AdminList", "BatchGet", "Get", "List", "Query")
        return [number for number, call in enumerate(self.calls, 1) if not (answer_only and call.startswith(reads))]

    def _before(self, model: Any, **_: Any) -> None:
        self.calls.append(model.name)
        if not self.answer_only:
            self._fail()

    def _after(self, **_: Any) -> None:
        if self.answer_only:
            self._fail()

    def _fail(self) -> None:
        if len(self.calls) == self.at:
            raise EndpointConnectionError(endpoint_url="https://aws.example")


class World:
    """All that tenants live on, and what is in it."""

    def __init__(self, backend: DynamoDBBackend, pool_id: str, state_machine: str) -> None:
        self._tables = backend.tables
        self.dynamodb, self.cognito, self.apigateway = clients.dynamodb(), clients.cognito(), clients.apigateway()
        self.stepfunctions, self.s3 = clients.stepfunctions(), clients.s3()
        self.pool_id = pool_id
        self.state_machine = state_machine
        self.faults = Faults()
        for client in (self.dynamodb, self.cognito, self.apigateway, self.stepfunctions, self.s3):
            self.faults.watch(client)

    def account(self, email: str, tenant_id: str = "", role: Role | None = None, *, verified: bool = True) -> str:
        """Make an account in the user pool and return its id."""
        attributes = {"email": email, "email_verified": str(verified).lower()}
        if tenant_id:
            attributes["custom:tenantId"] = tenant_id
        user = self.cognito.admin_create_user(
            UserPoolId=self.pool_id,
            Username=email,
            UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
            MessageAction="SUPPRESS",
        )["User"]
        user_id = next(one["Value"] for one in user["Attributes"] if one["Name"] == "sub")
        if role:
            self.cognito.admin_add_user_to_group(UserPoolId=self.pool_id, Username=email, GroupName=role.value)
        return user_id

    def tenant(self, tenant_id: str, name: str, founder_id: str = "nobody", **values: Any) -> Tenant:
        """Make a tenant with its claims and its allowance."""
        tenant = Tenant.model_validate(
            {
                "id": tenant_id,
                "name": name,
                "state": TenantState.ACTIVE,
                "settings": TenantSettings(),
                "admins": 1,
                "foundedById": founder_id,
                "version": 1,
                "createdAt": MOMENT_TEXT,
                "updatedAt": MOMENT_TEXT,
            }
        ).model_copy(update=values)
        self.put(USERS, self.tenants(tenant_id).item_of(tenant))
        self.put(USERS, name_claim(name) | {"tenantId": tenant_id})
        self.put(USERS, founder_claim(founder_id) | {"tenantId": tenant_id})
        self.put(TICKETS, {"PK": f"TENANT#{tenant_id}#COUNTER", "SK": "TICKETS", "lastNumber": 7})
        UsagePlan(self.apigateway, PLAN).ensure_key(tenant_id)
        return tenant

    def user(self, tenant_id: str, user_id: str, kind: Kind = Kind.PERSON, role: Role = Role.ADMIN) -> None:
        """Write the row of a user."""
        user = User.model_validate(
            {
                "id": user_id,
                "tenantId": tenant_id,
                "kind": kind,
                "name": "Somebody",
                "email": None if kind is Kind.API_KEY else f"{user_id[:8]}@example.com",
                "role": role,
                "active": True,
                "version": 1,
                "createdAt": MOMENT_TEXT,
                "updatedAt": MOMENT_TEXT,
            }
        )
        self.put(USERS, user_item(user))

    def person(self, tenant_id: str, email: str, role: Role = Role.ADMIN) -> str:
        """Make an account with its row and return its id."""
        user_id = self.account(email, tenant_id, role)
        self.user(tenant_id, user_id, role=role)
        return user_id

    def api_key(self, tenant_id: str) -> None:
        self.user(tenant_id, str(uuid4()), Kind.API_KEY)

    def invitation(self, tenant_id: str, email: str) -> None:
        """Write an invitation under way."""
        pending = {"taskKey": "PENDING", "taskSince": MOMENT_TEXT}
        key = {"PK": f"TENANT#{tenant_id}#INVITATION#{email}", "SK": "INVITATION"}
        self.put(USERS, key | pending | {"tenantId": tenant_id, "email": email, "role": "agent", "invitedById": "x"})

    def ticket(self, tenant_id: str, number: int, events: int = 2, **values: Any) -> str:
        """Write a ticket and its events, as far as keys and versions go, and return its partition."""
        partition = f"TENANT#{tenant_id}#TICKET#{number}"
        key = {"PK": partition, "SK": "TICKET"}
        found_by = {"tenantKey": f"TENANT#{tenant_id}#TICKETS", "number": number, "listKey": str(number)}
        self.put(TICKETS, key | found_by | {"version": events} | values)
        for version in range(1, events + 1):
            self.put(TICKETS, {"PK": partition, "SK": f"EVENT#{version:010d}", "version": version})
        return partition

    def views(self, tenant_id: str, number: int = 2) -> None:
        """Write saved views of a tenant, so many of one person and so many shared ones, as far as keys go."""
        for place in ("USER#1", "SHARED"):
            for key in ["COUNT", *(f"{kind}#{each}" for kind in ("VIEW", "NAME") for each in range(number))]:
                self.put(SEARCH, {"PK": f"TENANT#{tenant_id}#VIEWS", "SK": f"{place}#{key}"})

    def calendars(self, tenant_id: str) -> None:
        """Write the calendars of a tenant, as far as keys go."""
        self.put(SEARCH, {"PK": f"TENANT#{tenant_id}#CALENDARS", "SK": "CALENDARS"})

    def file(self, tenant_id: str, ticket: str) -> None:
        """Write a file of a ticket, as far as keys go: its row, its bytes, and two versions of its object."""
        for key, sort in (
            (ticket, "ATTACHMENT#1"),
            (ticket, "ATTACHMENTS"),
            (f"TENANT#{tenant_id}#COUNTER", "ATTACHMENTS"),
        ):
            self.put(TICKETS, {"PK": key, "SK": sort})
        for _ in range(2):
            self.s3.put_object(Bucket=BUCKET, Key=f"{tenant_id}/{ticket.rpartition('#')[2]}/1", Body=b"x")

    def index(self, tenant_id: str) -> None:
        """Write a search index, as far as keys go: its items, and packs."""
        for sort in ("INDEX#tickets", "SWEPT#tickets"):
            self.put(SEARCH, {"PK": f"TENANT#{tenant_id}#SEARCH", "SK": sort})
        for _ in range(2):
            self.s3.put_object(Bucket=SEARCH_BUCKET, Key=f"{tenant_id}/{uuid4()}", Body=b"x")

    def objects(self) -> list[str]:
        """Return the keys of all versions of objects, in both buckets."""
        return [
            one["Key"]
            for bucket in (BUCKET, SEARCH_BUCKET)
            for one in self.s3.list_object_versions(Bucket=bucket).get("Versions", [])
        ]

    def notifications(self, tenant_id: str, number: int = 2) -> None:
        """Write what the notifications table keeps of a tenant, so many of each kind, as far as keys go."""
        gone, webhooks = "old", [str(each) for each in range(number)]
        keys = [f"WEBHOOKS WEBHOOK#{name}" for name in webhooks] + [f"WEBHOOKS GONE#{gone}", "WEBHOOKS COUNT"]
        keys += [f"WEBHOOK#{name} DELIVERY#{each}" for name in (*webhooks, gone) for each in range(number)]
        for each in range(number):
            keys += [f"CONNECTIONS CONNECTION#{each}", f"FEED {each}", f"MAIL USER#{each}", f"ONCE {each}#webhooks"]
        for partition, _, sort in (key.partition(" ") for key in keys):
            self.put(NOTIFICATIONS, {"PK": f"TENANT#{tenant_id}#{partition}", "SK": sort})

    def put(self, table: str, item: dict[str, Any]) -> None:
        put_item(table, to_item(item))

    def delete(self, table: str, partition: str, sort: str) -> None:
        self.dynamodb.delete_item(TableName=table, Key=to_item({"PK": partition, "SK": sort}))

    def remove(self, email: str) -> None:
        """Delete an account."""
        self.cognito.admin_delete_user(UserPoolId=self.pool_id, Username=email)

    def tenants(self, tenant_id: str) -> TenantRepository:
        return TenantRepository(data_of(self.dynamodb, tenant_id))

    def items(self, table: str = USERS) -> dict[str, dict[str, Any]]:
        """Return all that a table holds, in plain values, by partition and sort key."""
        partitions = self._tables[table].items.values()
        found = [from_item(deepcopy(one.to_json()["Attributes"])) for part in partitions for one in part.values()]
        return {f"{item.pop('PK')} {item.pop('SK')}": item for item in found}

    def accounts(self) -> dict[str, tuple[str, set[str]]]:
        """Return tenant and groups of each account, by e-mail address."""
        found = {}
        for user in self.cognito.list_users(UserPoolId=self.pool_id)["Users"]:
            values = {one["Name"]: one["Value"] for one in user["Attributes"]}
            groups = self.cognito.admin_list_groups_for_user(UserPoolId=self.pool_id, Username=values["sub"])["Groups"]
            found[values["email"]] = (values.get("custom:tenantId", ""), {group["GroupName"] for group in groups})
        return found

    def usage_keys(self) -> set[str]:
        """Return the keys in the usage plan that exist."""
        (plan,) = [plan for plan in self.apigateway.get_usage_plans()["items"] if plan["name"] == PLAN]
        existing = {key["id"] for key in self.apigateway.get_api_keys()["items"]}
        keys = self.apigateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"]
        return {key["name"] for key in keys if key["id"] in existing}

    def executions(self) -> list[dict[str, Any]]:
        """Return name and input of each execution that was started, in order."""
        started = self.stepfunctions.list_executions(stateMachineArn=self.state_machine)["executions"]
        return [
            {
                "name": one["name"],
                "input": json.loads(self.stepfunctions.describe_execution(executionArn=one["executionArn"])["input"]),
            }
            for one in reversed(started)
        ]

    def empty(self) -> None:
        """Take everything out."""
        for table in (USERS, TICKETS, NOTIFICATIONS, SEARCH):
            self._tables[table].items.clear()
        for bucket in (BUCKET, SEARCH_BUCKET):
            empty_bucket(self.s3, bucket)
        for user in self.cognito.list_users(UserPoolId=self.pool_id)["Users"]:
            self.cognito.admin_delete_user(UserPoolId=self.pool_id, Username=user["Username"])
        for key in self.apigateway.get_api_keys()["items"]:
            self.apigateway.delete_api_key(apiKey=key["id"])


def empty_bucket(s3: Any, bucket: str) -> None:
    """Delete all versions of a bucket's objects."""
    for one in s3.list_object_versions(Bucket=bucket).get("Versions", []):
        s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])


@dataclass(frozen=True)
class Place:
    """What is made once for all tests, as making it takes long."""

    backend: DynamoDBBackend
    pool_id: str


@pytest.fixture(scope="package")
def place(moto_backend: DynamoDBBackend) -> Iterator[Place]:
    """Make the user pool, the usage plan and the buckets; a process may come to these tests more than once."""
    session = get_session()
    session.set_credentials("testing", "testing")
    session.set_config_variable("region", "us-east-1")
    cognito: Any = session.create_client("cognito-idp")
    attribute = {"AttributeDataType": "String", "Mutable": True}
    pool = cognito.create_user_pool(
        PoolName="people",
        UsernameAttributes=["email"],
        Schema=[{"Name": name, **attribute} for name in ("tenantId", "tokensValidFrom")],
    )["UserPool"]
    for role in ("admin", "agent", "reporter"):
        cognito.create_group(UserPoolId=pool["Id"], GroupName=role)
    apigateway: Any = session.create_client("apigateway")
    plan = apigateway.create_usage_plan(name=PLAN)
    s3: Any = session.create_client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.create_bucket(Bucket=SEARCH_BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    yield Place(moto_backend, pool["Id"])
    for bucket in (BUCKET, SEARCH_BUCKET):
        empty_bucket(s3, bucket)
        s3.delete_bucket(Bucket=bucket)
    apigateway.delete_usage_plan(usagePlanId=plan["id"])
    cognito.delete_user_pool(UserPoolId=pool["Id"])


@pytest.fixture
def world(place: Place, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a place without tenants, as the functions find it."""
    machine = clients.stepfunctions().create_state_machine(
        name=f"deletion-{uuid4()}",
        definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/deletion",
    )
    names = {
        "USERS_TABLE": USERS,
        "TICKETS_TABLE": TICKETS,
        "USER_POOL_ID": place.pool_id,
        "USAGE_PLAN_NAME": PLAN,
        "TENANT_DELETION": machine["stateMachineArn"],
    }
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    world = World(place.backend, place.pool_id, machine["stateMachineArn"])
    world.empty()
    return world
