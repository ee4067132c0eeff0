"""Clients of AWS, made once per execution environment.

botocore is used directly: `import boto3` adds its session and resource machinery to every cold start and gives the same
clients (docs/decisions/0003-botocore-and-a-lean-start.md). Endpoints and credentials come from the environment, so that
the same code runs on AWS, on the local AWS and in a container of `sam local`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, cast

from botocore.config import Config
from botocore.session import get_session

from ticketing.aws.isolation import TenantSessions
from ticketing.deployment import DEPLOYMENT

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient


# Throttling and timeouts are backed off. A transaction carries a token that botocore makes per call, so a try that
# timed out but landed is not done twice.
_DYNAMODB: Final = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})


@cache
def _session() -> Session:
    """Return the session of all clients: a second one of its own takes 35 ms more, to read AWS's endpoints again."""
    return get_session()


@cache
def dynamodb() -> DynamoDBClient:
    """Return the DynamoDB client of the function's own role: three tries of at most 3 s each."""
    return cast("DynamoDBClient", _session().create_client("dynamodb", config=_DYNAMODB))


def dynamodb_for(tenant_id: str) -> DynamoDBClient:
    """Return the DynamoDB client for the data of one tenant.

    With `TENANT_ROLE` in the environment (strict isolation) its credentials reach the items of that tenant and no
    others; without, it is the shared client.

    Raises
    ------
    ValueError
        This is no tenant's id.
    ServiceUnavailableError
        The credentials can't be had. Nothing falls back to the shared client.
    """
    role = DEPLOYMENT.tenant_role
    return _tenants(role).client(tenant_id) if role else dynamodb()


@cache
def _tenants(role: str) -> TenantSessions:
    def client(access_key: str, secret_key: str, token: str) -> DynamoDBClient:
        made = _session().create_client(
            "dynamodb",
            config=_DYNAMODB,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            aws_session_token=token,
        )
        return cast("DynamoDBClient", made)

    return TenantSessions(sts(), role, client)


@cache
def stepfunctions() -> SFNClient:
    """Return the Step Functions client: one try of at most 23 s.

    StartSyncExecution is not idempotent: a second try after a lost answer would meet the ticket already moved and
    report a refusal for what was a success.
    """
    config = Config(connect_timeout=1, read_timeout=22, retries={"mode": "standard", "total_max_attempts": 1})
    return cast("SFNClient", _session().create_client("stepfunctions", config=config))


@cache
def cognito() -> CognitoIdentityProviderClient:
    """Return the user pool's client: two tries of at most 4 s each.

    A second try is harmless: what is called either reads or says how a user shall be, and a user who is there already
    is told apart by the caller. Cognito sends invitations while it is asked, so it gets more time than DynamoDB.
    """
    config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
    return cast("CognitoIdentityProviderClient", _session().create_client("cognito-idp", config=config))


@cache
def apigateway() -> APIGatewayClient:
    """Return the API Gateway client: four tries of at most 3 s each.

    Its quotas are the account's, five calls a second for some, so being throttled is nothing unusual.
    """
    config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 4})
    return cast("APIGatewayClient", _session().create_client("apigateway", config=config))


@cache
def sts() -> STSClient:
    """Return the STS client: three tries of at most 2 s each, as somebody waits for the answer to their request."""
    config = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 3})
    return cast("STSClient", _session().create_client("sts", config=config))


@cache
def events() -> EventBridgeClient:
    """Return the EventBridge client: two tries of at most 4 s each. The second may publish again, which is allowed."""
    config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
    return cast("EventBridgeClient", _session().create_client("events", config=config))


@cache
def dynamodbstreams() -> DynamoDBStreamsClient:
    """Return the client of DynamoDB's streams: three tries of at most 6 s each, as an answer may be 1 MB."""
    config = Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    return cast("DynamoDBStreamsClient", _session().create_client("dynamodbstreams", config=config))


@cache
def sqs() -> SQSClient:
    """Return the SQS client: three tries of at most 4 s each. A second try may send a message twice."""
    config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
    return cast("SQSClient", _session().create_client("sqs", config=config))


@cache
def live_connections() -> ApiGatewayManagementApiClient:
    """Return the client of the WebSocket API's connections: one try of at most 3 s, as others wait to be told.

    Where AWS_ENDPOINT_URL points the SDKs elsewhere, the connections are served there too.
    """
    endpoint = DEPLOYMENT.live_endpoint
    config = Config(
        connect_timeout=1,
        read_timeout=2,
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=32,
    )
    client = _session().create_client("apigatewaymanagementapi", endpoint_url=endpoint, config=config)
    return cast("ApiGatewayManagementApiClient", client)


@cache
def ses() -> SESV2Client:
    """Return the SES client: one try of at most 6 s.

    Sending is not idempotent, and a second try after a lost answer might be a second mail. Who sends knows which
    failures mean that nothing was sent.
    """
    config = Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 1})
    return cast("SESV2Client", _session().create_client("sesv2", config=config))
