"""Clients of AWS, made once per execution environment.

botocore is used directly: `import boto3` adds its session and resource machinery to every cold start and gives the same
clients (docs/decisions/0003-botocore-and-a-lean-start.md). Endpoints and credentials come from the environment, so that
the same code runs on AWS, on the local AWS and in a container of `sam local`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

from botocore.config import Config
from botocore.session import get_session

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_stepfunctions import SFNClient


@cache
def dynamodb() -> DynamoDBClient:
    """Return the DynamoDB client: three tries of at most 3 s each, throttling and timeouts backed off.

    A transaction carries a token that botocore makes per call, so a try that timed out but landed is not done twice.
    """
    config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})
    return cast("DynamoDBClient", get_session().create_client("dynamodb", config=config))


@cache
def stepfunctions() -> SFNClient:
    """Return the Step Functions client: one try of at most 23 s.

    StartSyncExecution is not idempotent: a second try after a lost answer would meet the ticket already moved and
    report a refusal for what was a success.
    """
    config = Config(connect_timeout=1, read_timeout=22, retries={"mode": "standard", "total_max_attempts": 1})
    return cast("SFNClient", get_session().create_client("stepfunctions", config=config))
