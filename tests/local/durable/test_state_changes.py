"""Which calls write a snapshot."""

import pytest

from local.durable.changes import changes_state

FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.mark.parametrize(
    ("service", "target", "changes"),
    [
        ("cognito-idp", "AWSCognitoIdentityProviderService.AdminCreateUser", True),
        ("cognito-idp", "AWSCognitoIdentityProviderService.InitiateAuth", True),  # its refresh token is a promise
        ("cognito-idp", "AWSCognitoIdentityProviderService.AdminGetUser", False),
        ("dynamodb", "DynamoDB_20120810.CreateTable", True),
        ("dynamodb", "DynamoDB_20120810.UpdateTimeToLive", True),
        ("dynamodb", "DynamoDB_20120810.TransactWriteItems", False),
        ("dynamodb", "DynamoDB_20120810.Query", False),
        ("states", "AWSStepFunctions.UpdateStateMachine", True),
        ("states", "AWSStepFunctions.StartSyncExecution", False),
        ("logs", "Logs_20140328.PutRetentionPolicy", True),
        ("logs", "Logs_20140328.PutLogEvents", False),
    ],
)
def test_json_protocol(service: str, target: str, *, changes: bool) -> None:
    assert changes_state(service, "POST", "/", {"x-amz-target": target}, b"{}", {}) is changes


@pytest.mark.parametrize(("action", "changes"), [("CreateTopic", True), ("Publish", False), ("ListTopics", False)])
def test_query_protocol(action: str, *, changes: bool) -> None:
    assert changes_state("sns", "POST", "/", FORM, f"Action={action}&Version=1".encode(), {}) is changes
    assert changes_state("sns", "GET", "/", {}, b"", {"Action": [action]}) is changes


@pytest.mark.parametrize(
    ("service", "method", "path", "changes"),
    [
        ("s3", "PUT", "/bucket", True),
        ("s3", "GET", "/bucket/key", False),
        ("s3", "PUT", "/bucket/key", False),
        ("s3", "DELETE", "/bucket/key", False),
        ("s3", "POST", "/bucket", False),
        ("lambda", "PUT", "/2015-03-31/functions/f/code", True),
        ("lambda", "POST", "/2015-03-31/functions/f/invocations", False),
        ("apigateway", "DELETE", "/restapis/x", True),
    ],
)
def test_rest_protocols(service: str, method: str, path: str, *, changes: bool) -> None:
    assert changes_state(service, method, path, {}, b"", {}) is changes
