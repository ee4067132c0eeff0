"""The demo tenants and users."""

from collections.abc import Callable
from typing import Any

import pytest

from local.stack.seed import ROLES, TENANTS, seed
from local.stack.tokens import id_token
from tests.harness.client import Client
from tests.harness.people import signed_in
from tests.harness.stack import Stack

PEOPLE = {f"{role}@{name}.example" for name in TENANTS for role in ROLES}


def contents(running: Stack) -> dict[str, dict[str, Any]]:
    """Return what the seed has made in the users table, by keys; other tests may have left more."""
    pages = running.client("dynamodb").get_paginator("scan").paginate(TableName=running.outputs["UsersTableName"])
    items = [item for page in pages for item in page["Items"]]
    kept = {f"TENANT#{tenant_id}#TENANT" for tenant_id in TENANTS.values()} | {f"NAME#{name}" for name in TENANTS}
    return {
        item["PK"]["S"]: item for item in items if item["PK"]["S"] in kept or item.get("email", {}).get("S") in PEOPLE
    }


def accounts(running: Stack) -> set[str]:
    """Return who of the demo users has an account."""
    pages = running.client("cognito-idp").get_paginator("list_users").paginate(UserPoolId=running.outputs["UserPoolId"])
    values = [each["Value"] for page in pages for user in page["Users"] for each in user["Attributes"]]
    return PEOPLE.intersection(values)


@pytest.mark.long
def test_everything_is_made_once(start: Callable[..., Stack]) -> None:
    running = start()
    before = contents(running), accounts(running)
    for name, tenant_id in TENANTS.items():
        assert int(before[0][f"TENANT#{tenant_id}#TENANT"]["admins"]["N"]) >= 1
        assert before[0][f"NAME#{name}"]["tenantId"] == {"S": tenant_id}
        rows = [item for key, item in before[0].items() if key.startswith(f"TENANT#{tenant_id}#USER#")]
        assert sorted(item["role"]["S"] for item in rows) == ["admin", "agent", "reporter"]
    assert seed(running.aws_port, running.outputs) == 0
    assert (contents(running), accounts(running)) == before


@pytest.mark.long
def test_what_was_cut_short_is_finished(start: Callable[..., Stack]) -> None:
    """A state folder of a version without tenants has accounts only; so has one whose first start broke off."""
    running = start()
    before = contents(running)
    dynamodb, gateway = running.client("dynamodb"), running.client("apigateway")
    for item in before.values():
        dynamodb.delete_item(TableName=running.outputs["UsersTableName"], Key={key: item[key] for key in ("PK", "SK")})
    for key in gateway.get_api_keys(nameQuery="requests-of-tenant-")["items"]:
        gateway.delete_api_key(apiKey=key["id"])
    assert seed(running.aws_port, running.outputs) == 0
    assert contents(running).keys() == before.keys()
    with signed_in(running, "agent@acme.example") as agent:
        agent.get("/v1/tickets", expect=200)


@pytest.mark.long
def test_rows_of_an_earlier_version_are_completed_after_a_deployment(start: Callable[..., Stack]) -> None:
    """They do not say from when tokens count, so nobody comes in."""
    running = start()
    table = running.outputs["UsersTableName"]
    for item in contents(running).values():
        if "email" in item:
            running.client("dynamodb").update_item(
                TableName=table,
                Key={key: item[key] for key in ("PK", "SK")},
                UpdateExpression="REMOVE tokensValidFrom",
            )
    with signed_in(running, "agent@acme.example") as agent:
        agent.get("/v1/tickets", expect=401)
    assert seed(running.aws_port, running.outputs, deployed=True) == 0
    token = id_token(running.aws_port, running.outputs["UserPoolClientId"], "agent@acme.example")
    with Client(running.base_url, token=token) as agent:  # tokens of before do not count
        agent.get("/v1/tickets", expect=200)


@pytest.mark.long
def test_a_deleted_tenant_stays_deleted(start: Callable[..., Stack]) -> None:
    running = start()
    table, tenant_id = running.outputs["UsersTableName"], TENANTS["globex"]
    cognito, pool = running.client("cognito-idp"), running.outputs["UserPoolId"]
    running.client("dynamodb").put_item(
        TableName=table, Item={"PK": {"S": f"TENANT#{tenant_id}#DELETION"}, "SK": {"S": "DELETION"}}
    )
    cognito.admin_delete_user(UserPoolId=pool, Username="agent@globex.example")
    cognito.admin_delete_user(UserPoolId=pool, Username="agent@acme.example")
    assert seed(running.aws_port, running.outputs) == 1
    assert PEOPLE - accounts(running) == {"agent@globex.example"}
