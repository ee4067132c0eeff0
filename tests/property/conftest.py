"""Callers in tenants of their own, so that the lists hold nobody else's tickets."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import httpx
import pytest

from tests.property.model import Caller
from tests.stack import Stack

PEOPLE = {
    "admin": ("home", "admin"),
    "agent": ("home", "agent"),
    "reporter": ("home", "reporter"),
    "other reporter": ("home", "reporter"),
    "stranger": ("abroad", "agent"),
    "strange admin": ("abroad", "admin"),
}
"""Tenant and role of everybody."""


@pytest.fixture(scope="module")
def callers(stack: Stack) -> Iterator[dict[str, Caller]]:
    cognito, pool = stack.client("cognito-idp"), stack.outputs["UserPoolId"]
    run = uuid4().hex
    everybody = {}
    for person, (tenant, role) in PEOPLE.items():
        email = f"{person.replace(' ', '-')}@{run}.example"
        user = cognito.admin_create_user(
            UserPoolId=pool,
            Username=email,
            UserAttributes=[{"Name": "email", "Value": email}, {"Name": "custom:tenantId", "Value": f"{tenant}-{run}"}],
            MessageAction="SUPPRESS",
        )["User"]
        cognito.admin_set_user_password(UserPoolId=pool, Username=email, Password=stack.password, Permanent=True)
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=email, GroupName=role)
        attributes = {attribute["Name"]: attribute["Value"] for attribute in user["Attributes"]}
        everybody[person] = Caller(email, attributes["sub"], f"{tenant}-{run}", role)
    yield everybody
    for caller in everybody.values():
        cognito.admin_delete_user(UserPoolId=pool, Username=caller.email)


@pytest.fixture(scope="module")
def clients(connect: Callable[..., httpx.Client], callers: dict[str, Caller]) -> dict[str, httpx.Client]:
    return {person: connect(caller.email) for person, caller in callers.items()}
