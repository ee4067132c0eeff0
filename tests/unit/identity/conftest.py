"""The users table that the authorizer reads, and the user pool whose public keys it fetches."""

from typing import Any
from urllib.request import OpenerDirector

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.identity.support import CLIENT, POOL, Pool, Rows
from ticketing.aws import clients
from ticketing.users import tokens


@pytest.fixture(autouse=True)
def rows(dynamodb: DynamoDBClient, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """Put USER into the table, as an agent of acme. Nothing asks Cognito."""

    def cognito() -> Any:
        pytest.fail("Cognito was asked")

    monkeypatch.setattr(clients, "cognito", cognito)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    return Rows(dynamodb)


@pytest.fixture(autouse=True)
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    served = Pool()
    monkeypatch.setenv("USER_POOL_ID", POOL)
    monkeypatch.setenv("CLIENT_ID", CLIENT)
    monkeypatch.setenv("NEWCOMERS_KEY", "requests-of-newcomers-of-test")
    monkeypatch.setattr(OpenerDirector, "open", lambda _self, request, **kwargs: served.open(request, **kwargs))
    tokens._keys.cache_clear()
    return served
