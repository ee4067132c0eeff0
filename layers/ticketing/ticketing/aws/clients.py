"""Clients of AWS services, created once per execution environment.

They come from botocore directly: `import boto3` makes every cold start slower and creates the same clients
(docs/decisions/0003-botocore-and-a-lean-start.md). Endpoints and credentials come from the environment, so the same
code runs on AWS, on the local AWS and in a container of `sam local`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, cast

from botocore.config import Config
from botocore.exceptions import NoCredentialsError
from botocore.httpsession import URLLib3Session
from botocore.session import get_session

from ticketing.aws.isolation import TenantSessions
from ticketing.deployment import DEPLOYMENT

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.credentials import Credentials
    from botocore.session import Session
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_guardduty import GuardDutyClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient


# botocore retries throttling and timeouts with backoff. It sends a ClientRequestToken with each transaction, so a retry
# after a lost response is idempotent.
_DYNAMODB: Final = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})

# No checksums beyond those that S3 demands. An endpoint of the local AWS has no host for each bucket.
_S3: Final = Config(
    connect_timeout=1,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 3},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    s3={
        "addressing_style": "path" if DEPLOYMENT.endpoint_url else "virtual",
        "us_east_1_regional_endpoint": "regional",
    },
)


@cache
def _session() -> Session:
    """Return the session of all clients. A second session would take 35 ms to load AWS's endpoints again."""
    return get_session()


@cache
def dynamodb() -> DynamoDBClient:
    """Return the DynamoDB client of the function's own role: three attempts of at most 3 s each."""
    return cast("DynamoDBClient", _session().create_client("dynamodb", config=_DYNAMODB))


def dynamodb_for(tenant_id: str) -> DynamoDBClient:
    """Return the DynamoDB client for the data of one tenant.

    With strict isolation (`TENANT_ROLE` in the environment), its credentials allow that tenant's items only. Otherwise
    it is the shared client.

    Raises
    ------
    ValueError
        This is not a tenant's id.
    ServiceUnavailableError
        STS returned no credentials. There is no fallback to the shared client.
    """
    role = DEPLOYMENT.tenant_role
    return cast("DynamoDBClient", _tenants(role).client(tenant_id, "dynamodb")) if role else dynamodb()


def s3_for(tenant_id: str) -> S3Client:
    """Return the S3 client for the files of one tenant, isolated as `dynamodb_for` is."""
    role = DEPLOYMENT.tenant_role
    return cast("S3Client", _tenants(role).client(tenant_id, "s3")) if role else s3()


def credentials_for(tenant_id: str) -> Credentials:
    """Return the credentials that sign the addresses of one tenant's files, isolated as `dynamodb_for` is."""
    role = DEPLOYMENT.tenant_role
    return _tenants(role).credentials(tenant_id) if role else credentials()


def credentials() -> Credentials:
    """Return the credentials of the function's own role."""
    found = _session().get_credentials()
    if found is None:
        raise NoCredentialsError
    return found


@cache
def _tenants(role: str) -> TenantSessions:
    configs = {"dynamodb": _DYNAMODB, "s3": _S3}

    def client(service: str, credentials: Credentials) -> BaseClient:
        return _session().create_client(
            service,
            config=configs[service],
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            aws_session_token=credentials.token,
        )

    return TenantSessions(sts(), role, client)


@cache
def s3() -> S3Client:
    """Return the S3 client of the function's own role: three attempts of at most 6 s each. All calls are idempotent."""
    return cast("S3Client", _session().create_client("s3", config=_S3))


@cache
def guardduty() -> GuardDutyClient:
    """Return the GuardDuty client: two attempts of at most 4 s each. A retry may have an object scanned twice."""
    config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
    return cast("GuardDutyClient", _session().create_client("guardduty", config=config))


@cache
def stepfunctions() -> SFNClient:
    """Return the Step Functions client: one attempt of at most 23 s.

    StartSyncExecution is not idempotent: a retry after a lost response would find the ticket already moved, and report
    an error for a success.
    """
    config = Config(connect_timeout=1, read_timeout=22, retries={"mode": "standard", "total_max_attempts": 1})
    return cast("SFNClient", _session().create_client("stepfunctions", config=config))


@cache
def cognito() -> CognitoIdentityProviderClient:
    """Return the Cognito client: two attempts of at most 4 s each.

    All calls are idempotent but AdminCreateUser, whose callers handle an existing user. Cognito sends the email of an
    invitation within the call, so it gets more time than DynamoDB.
    """
    config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
    return cast("CognitoIdentityProviderClient", _session().create_client("cognito-idp", config=config))


@cache
def apigateway() -> APIGatewayClient:
    """Return the API Gateway client: four attempts of at most 3 s each.

    Its quotas are per AWS account, for some calls five a second, so throttling is normal.
    """
    config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 4})
    return cast("APIGatewayClient", _session().create_client("apigateway", config=config))


@cache
def sts() -> STSClient:
    """Return the STS client: three attempts of at most 2 s each, because a caller waits for the response."""
    config = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 3})
    return cast("STSClient", _session().create_client("sts", config=config))


@cache
def events() -> EventBridgeClient:
    """Return the EventBridge client: two attempts of at most 4 s each. A retry may publish an event twice."""
    config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
    return cast("EventBridgeClient", _session().create_client("events", config=config))


@cache
def dynamodbstreams() -> DynamoDBStreamsClient:
    """Return the DynamoDB Streams client: three attempts of at most 6 s each, because a response may have 1 MB."""
    config = Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    return cast("DynamoDBStreamsClient", _session().create_client("dynamodbstreams", config=config))


@cache
def sqs() -> SQSClient:
    """Return the SQS client: three attempts of at most 4 s each. A retry may send a message twice."""
    config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
    return cast("SQSClient", _session().create_client("sqs", config=config))


@cache
def live_connections() -> ApiGatewayManagementApiClient:
    """Return the client that posts to WebSocket connections: one attempt of at most 3 s, because others wait.

    With AWS_ENDPOINT_URL, it uses that endpoint, too.
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
    """Return the SES client: one attempt of at most 6 s.

    Sending is not idempotent: a retry after a lost response may send a second email. The caller retries the failures
    which mean that nothing was sent.
    """
    config = Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 1})
    return cast("SESV2Client", _session().create_client("sesv2", config=config))


@cache
def http(seconds: float) -> URLLib3Session:
    """Return what sends requests to an OpenSearch cluster: one attempt, whose answer may take so many seconds.

    botocore's own, so that proxies, certificates and exceptions are the same as with the clients.
    """
    return URLLib3Session(timeout=(1, seconds))  # type: ignore[arg-type]  # stubs: seconds alone
