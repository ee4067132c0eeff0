"""The demo tenants and users."""

from collections.abc import Callable
from typing import Any

import httpx

from local.seed import TENANTS, seed
from tests.stack import Stack


def contents(running: Stack) -> dict[str, dict[str, Any]]:
    """Return the users table, by keys."""
    pages = running.client("dynamodb").get_paginator("scan").paginate(TableName=running.outputs["UsersTableName"])
    return {item["PK"]["S"]: item for page in pages for item in page["Items"]}


def accounts(running: Stack) -> list[str]:
    users = running.client("cognito-idp").list_users(UserPoolId=running.outputs["UserPoolId"])["Users"]
    return sorted(user["Username"] for user in users)


def test_everything_is_made_once(start: Callable[..., Stack]) -> None:
    running = start()
    before = contents(running), accounts(running)
    for name, tenant_id in TENANTS.items():
        assert before[0][f"TENANT#{tenant_id}#TENANT"]["admins"] == {"N": "1"}
        assert before[0][f"NAME#{name}"]["tenantId"] == {"S": tenant_id}
        rows = [item for key, item in before[0].items() if key.startswith(f"TENANT#{tenant_id}#USER#")]
        assert sorted(item["role"]["S"] for item in rows) == ["admin", "agent", "reporter"]
    assert seed(running.aws_port, running.outputs) == 0
    assert (contents(running), accounts(running)) == before


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
    headers = {"Authorization": f"Bearer {running.token('agent@acme.example')}"}
    answer = httpx.get(f"{running.base_url}/v1/tickets", headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text


def test_a_deleted_tenant_stays_deleted(start: Callable[..., Stack]) -> None:
    running = start()
    table, tenant_id = running.outputs["UsersTableName"], TENANTS["globex"]
    cognito, pool = running.client("cognito-idp"), running.outputs["UserPoolId"]
    running.client("dynamodb").put_item(
        TableName=table, Item={"PK": {"S": f"TENANT#{tenant_id}#DELETION"}, "SK": {"S": "DELETION"}}
    )
    cognito.admin_delete_user(UserPoolId=pool, Username="agent@globex.example")
    cognito.admin_delete_user(UserPoolId=pool, Username="agent@acme.example")
    before = accounts(running)
    assert seed(running.aws_port, running.outputs) == 1
    assert len(accounts(running)) == len(before) + 1
