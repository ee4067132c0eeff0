"""Who somebody is now: at most a minute old, and never an error taken for an absence."""

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.conftest import Clock
from tests.unit.support import ADMIN, AGENT, AGENT_ID, OTHER_ID, REPORTER, STRANGER, put_user
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.aws.data import of_tenant
from ticketing.people.active_users import remembered

IDS = {AGENT_ID, REPORTER.user_id}


pytestmark = pytest.mark.usefixtures("people")


def test_it_finds_who_is_active() -> None:
    assert remembered(of_tenant("acme")).active([*IDS, "nobody"]) == {AGENT_ID: AGENT, REPORTER.user_id: REPORTER}


def test_api_keys_are_members_too(dynamodb: DynamoDBClient) -> None:
    key = {"PK": f"TENANT#acme#USER#{OTHER_ID}", "SK": "USER", "id": OTHER_ID, "role": "agent", "kind": "API_KEY"}
    dynamodb.put_item(
        TableName="users", Item={name: {"S": value} for name, value in key.items()} | {"active": {"BOOL": True}}
    )
    assert remembered(of_tenant("acme")).active([OTHER_ID]) == {
        OTHER_ID: Caller(OTHER_ID, "acme", Role.AGENT, is_api_key=True)
    }


def test_another_tenants_users_are_none() -> None:
    assert remembered(of_tenant("globex")).active([AGENT_ID]) == {}
    assert STRANGER.tenant_id == "globex"


def test_a_change_is_noticed_within_a_minute(dynamodb: DynamoDBClient, time: Clock) -> None:
    assert remembered(of_tenant("acme")).active(IDS).keys() == IDS
    put_user(dynamodb, AGENT, active=False)
    put_user(dynamodb, Caller(REPORTER.user_id, "acme", Role.ADMIN))
    time.forward(seconds=59)
    assert remembered(of_tenant("acme")).active([AGENT_ID]) == {AGENT_ID: AGENT}
    time.forward(seconds=1)
    assert remembered(of_tenant("acme")).active(IDS) == {REPORTER.user_id: Caller(REPORTER.user_id, "acme", Role.ADMIN)}


def test_whoever_is_remembered_is_not_read_again(dynamodb: DynamoDBClient) -> None:
    remembered(of_tenant("acme")).active([AGENT_ID, "nobody"])
    with Stubber(dynamodb):  # would refuse every request
        assert remembered(of_tenant("acme")).active([AGENT_ID, "nobody"]) == {AGENT_ID: AGENT}


def test_whoever_can_not_be_read_is_not_taken_for_gone(dynamodb: DynamoDBClient) -> None:
    with Stubber(dynamodb) as stubber:
        stubber.add_client_error("batch_get_item", "ProvisionedThroughputExceededException")
        with pytest.raises(ClientError):
            remembered(of_tenant("acme")).active([ADMIN.user_id])
    assert remembered(of_tenant("acme")).active([ADMIN.user_id]) == {ADMIN.user_id: ADMIN}
