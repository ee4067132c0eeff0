"""Sessions with a policy of their own are held to it, as `TenantIsolation=strict` needs it."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.settings import REGION
from local.stack.seed import TENANTS
from tests.harness.stack import Stack
from ticketing.aws.isolation import session_policy

ACME, GLOBEX = TENANTS["acme"], TENANTS["globex"]


def client_with(stack: Stack, policy: str | None) -> Any:
    """Return a client of DynamoDB with a session's credentials."""
    more = {} if policy is None else {"Policy": policy}
    role = "arn:aws:iam::000000000000:role/any"
    given = stack.client("sts").assume_role(RoleArn=role, RoleSessionName="test", **more)["Credentials"]
    return boto3.Session().client(
        "dynamodb",
        endpoint_url=stack.aws_endpoint,
        region_name=REGION,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def tenant_key(tenant_id: str) -> dict[str, dict[str, str]]:
    return {"PK": {"S": f"TENANT#{tenant_id}#TENANT"}, "SK": {"S": "TENANT"}}


def requests_for(tenant_id: str, table: str) -> dict[str, dict[str, Any]]:
    key = tenant_key(tenant_id)
    list_key = {":list": {"S": f"TENANT#{tenant_id}#USERS"}}
    condition = {"TableName": table, "Key": key, "ConditionExpression": "attribute_exists(PK)"}
    return {
        "get_item": {"TableName": table, "Key": key},
        "batch_get_item": {"RequestItems": {table: {"Keys": [key]}}},
        "transact_write_items": {"TransactItems": [{"ConditionCheck": condition}]},
        "query": {
            "TableName": table,
            "IndexName": "byName",
            "KeyConditionExpression": "tenantKey = :list",
            "ExpressionAttributeValues": list_key,
        },
    }


@pytest.mark.parametrize("call", ["get_item", "batch_get_item", "transact_write_items", "query"])
def test_a_tenants_session_reaches_that_tenant_only(stack: Stack, call: str) -> None:
    dynamodb, table = client_with(stack, session_policy(ACME)), stack.outputs["UsersTableName"]
    getattr(dynamodb, call)(**requests_for(ACME, table)[call])
    with pytest.raises(ClientError) as error:
        getattr(dynamodb, call)(**requests_for(GLOBEX, table)[call])
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "no session policy allows" in error.value.response["Error"]["Message"]


@pytest.mark.parametrize("call", ["scan", "describe_table", "delete_table"])
def test_a_tenants_session_reaches_nothing_whole(stack: Stack, call: str) -> None:
    dynamodb = client_with(stack, session_policy(ACME))
    with pytest.raises(ClientError) as error:
        getattr(dynamodb, call)(TableName=stack.outputs["UsersTableName"])
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"


def test_a_member_of_another_tenant_stops_the_whole_transaction(stack: Stack) -> None:
    dynamodb, table = client_with(stack, session_policy(ACME)), stack.outputs["UsersTableName"]
    mine, others = (requests_for(tenant, table)["transact_write_items"]["TransactItems"] for tenant in (ACME, GLOBEX))
    with pytest.raises(ClientError) as error:
        dynamodb.transact_write_items(TransactItems=[*mine, *others])
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"


def test_without_a_policy_a_session_is_its_role(stack: Stack) -> None:
    dynamodb = client_with(stack, None)
    assert dynamodb.scan(TableName=stack.outputs["UsersTableName"], Limit=1)["Items"]


def test_the_recorder_tells_whose_session_it_was(stack: Stack) -> None:
    """A session that no function has made is nobody's of the stack."""
    before = stack.calls.read_text().count("\n")
    client_with(stack, session_policy(ACME)).get_item(TableName=stack.outputs["UsersTableName"], Key=tenant_key(ACME))
    new = [json.loads(line) for line in stack.calls.read_text().splitlines()[before:]]
    assert [line for line in new if line["session"]] == []
