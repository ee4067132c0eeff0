"""What API Gateway imports, openapi/gateway.yaml: made of the contract, in step with the template, and read by SAM."""

import json
import re
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV2SpecValidator

from openapi.compose import compose, written
from tests.contract.document import (
    DOCUMENT,
    GATEWAY,
    GATEWAY_RESPONSES,
    METHODS,
    OPENAPI,
    PUBLIC,
    SCHEMAS,
    problems,
    table_of_codes,
    walk,
)
from tests.contract.sam import TEMPLATE, local_routes, transformed
from tests.harness.contract import closed
from ticketing.api import cors

TEXT = (OPENAPI / "gateway.yaml").read_text(encoding="utf-8")
AUTHORIZER = "bearerToken"
WITHOUT_A_TOKEN = PUBLIC | {None}
"""The operations that need none; a preflight has no name."""


def _methods(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (path, method): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def test_is_made_of_the_contract() -> None:
    assert written(compose(DOCUMENT)) == TEXT


def test_has_the_operations_of_the_contract_and_a_preflight_for_each_path() -> None:
    names = {where: operation.get("operationId") for where, operation in _methods(GATEWAY).items()}
    preflights = dict.fromkeys((path, "options") for path in DOCUMENT["paths"])
    assert names == {where: operation["operationId"] for where, operation in _methods(DOCUMENT).items()} | preflights


def test_is_valid_and_can_be_in_a_template() -> None:
    """CloudFormation takes no anchors, no null and no other characters than those of ASCII."""
    OpenAPIV2SpecValidator({**GATEWAY, "info": {"title": "the stack's name", "version": "1"}}).validate()
    assert TEXT.isascii()
    assert not [t for t in yaml.scan(TEXT) if isinstance(t, yaml.AnchorToken | yaml.AliasToken | yaml.TagToken)]
    for path, value in walk(GATEWAY):
        assert isinstance(value, str | int | bool | dict | list), f"{path} is {value!r}"


def test_holds_what_api_gateway_needs_and_nothing_else() -> None:
    for where, operation in _methods(GATEWAY).items():
        assert operation.keys() <= {
            *("operationId", "parameters", "responses", "security", "x-amazon-apigateway-integration")
        }, where
        assert len(operation["responses"]) == 1, where
    assert len(TEXT.encode()) < 1000 * len(_methods(GATEWAY))


@pytest.mark.parametrize(("path", "method"), _methods(GATEWAY))
def test_every_method_calls_the_function_of_its_operation(path: str, method: str) -> None:
    operation = _methods(GATEWAY)[path, method]
    name = operation.get("operationId", "preflight")
    logical_id = f"{name[0].upper()}{name[1:]}Function"
    integration = operation["x-amazon-apigateway-integration"]
    assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
    assert integration["uri"] == {"Fn::Sub": _invocation_of(logical_id)}
    assert integration["credentials"] == {"Fn::Sub": "${ApiRole.Arn}"}
    # Functions give up first: API Gateway, which waits for 29 s by default, could not say what became of a change.
    assert "timeoutInMillis" not in integration
    properties = TEMPLATE["Resources"][logical_id]["Properties"]
    timeout = properties.get("Timeout", TEMPLATE["Globals"]["Function"]["Timeout"])
    assert timeout < 29
    assert [parameter["name"] for parameter in operation.get("parameters", [])] == re.findall(r"\{(\w+)\}", path)


def test_authorizer_is_the_authorize_function() -> None:
    (scheme,) = (scheme for name, scheme in GATEWAY["securityDefinitions"].items() if name == AUTHORIZER)
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "Authorization")
    authorizer = scheme["x-amazon-apigateway-authorizer"]
    assert (authorizer["type"], authorizer["authorizerResultTtlInSeconds"]) == ("token", 60)
    assert authorizer["authorizerUri"] == {"Fn::Sub": _invocation_of("AuthorizeFunction")}
    assert authorizer["authorizerCredentials"] == {"Fn::Sub": "${ApiRole.Arn}"}
    assert "AuthorizeFunction" in TEMPLATE["Resources"]


def _invocation_of(logical_id: str) -> str:
    service = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31"
    return f"{service}/functions/${{{logical_id}.Arn}}/invocations"


@pytest.mark.parametrize(
    ("header", "plausible"),
    [
        ("Bearer eyJhbGciOi.eyJzdWIi.c2ln-_", True),
        ("bearer abc", False),
        ("Bearer  abc", False),
        ("Bearer abc=", False),
        (" Bearer abc", False),
        (
            "Bearer tsk_ac3e0000-0000-4000-8000-000000000001_0f1e2d3c4b5aABCxyz",
            True,
        ),
        ("Bearer", False),
        ("Bearer ", False),
        ("Basic dXNlcjpwYXNz", False),
        ("eyJhbGciOi.eyJzdWIi.c2ln", False),
        ("Bearer a b", False),
        ("Bearer a\x00", False),
    ],
)
def test_authorizer_is_only_asked_about_bearer_tokens(header: str, *, plausible: bool) -> None:
    authorizer = GATEWAY["securityDefinitions"][AUTHORIZER]["x-amazon-apigateway-authorizer"]
    assert bool(re.fullmatch(authorizer["identityValidationExpression"], header)) is plausible


# --- API Gateway's own answers ----------------------------------------------------------------------------------------


def test_gateway_responses_have_the_error_shape() -> None:
    for kind, response in GATEWAY_RESPONSES.items():
        body = json.loads(response["responseTemplates"]["application/json"])
        assert not problems(closed(SCHEMAS["Error"]), body), kind
        assert body["requestId"] == "$context.requestId"
        assert body["code"] in table_of_codes()[response["statusCode"]], kind
        # The template is the JSON itself: only this one variable may stand in it.
        assert response["responseTemplates"]["application/json"].count("$") == 1


def test_gateway_responses_carry_the_headers_that_callers_need() -> None:
    for kind, response in GATEWAY_RESPONSES.items():
        headers = {
            name.removeprefix("gatewayresponse.header."): value.strip("'")
            for name, value in response["responseParameters"].items()
        }
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Access-Control-Expose-Headers"] == cors.EXPOSED
        assert ("Retry-After" in headers) == (response["statusCode"] in {"429", "503"}), kind
        assert ("WWW-Authenticate" in headers) == (response["statusCode"] == "401"), kind


def test_gateway_responses_cover_every_type() -> None:
    assert GATEWAY_RESPONSES.keys() == {
        "ACCESS_DENIED",
        "API_CONFIGURATION_ERROR",
        "AUTHORIZER_CONFIGURATION_ERROR",
        "AUTHORIZER_FAILURE",
        "BAD_REQUEST_BODY",
        "BAD_REQUEST_PARAMETERS",
        "DEFAULT_4XX",
        "DEFAULT_5XX",
        "EXPIRED_TOKEN",
        "INTEGRATION_FAILURE",
        "INTEGRATION_TIMEOUT",
        "INVALID_API_KEY",
        "INVALID_SIGNATURE",
        "MISSING_AUTHENTICATION_TOKEN",
        "QUOTA_EXCEEDED",
        "REQUEST_TOO_LARGE",
        "RESOURCE_NOT_FOUND",
        "THROTTLED",
        "UNAUTHORIZED",
        "UNSUPPORTED_MEDIA_TYPE",
        "WAF_FILTERED",
    }


# --- What SAM makes of it ---------------------------------------------------------------------------------------------


def test_api_gateway_asks_for_a_token_and_counts_each_operation_that_is_not_public() -> None:
    """The usage plan counts the methods that need an API key; which key it is, the authorizer says."""
    body = transformed()["Resources"]["Api"]["Properties"]["Body"]
    assert body["x-amazon-apigateway-api-key-source"] == "AUTHORIZER"
    keys = {name for name, scheme in body["securityDefinitions"].items() if scheme["name"] == "x-api-key"}
    assert keys == body["securityDefinitions"].keys() - {AUTHORIZER}
    for where, operation in _methods(body).items():
        asked = {name for requirement in operation.get("security", []) for name in requirement}
        assert asked == (set() if operation.get("operationId") in WITHOUT_A_TOKEN else {AUTHORIZER, *keys}), where


def test_the_api_has_the_name_that_the_alarms_look_for() -> None:
    properties = transformed()["Resources"]["Api"]["Properties"]
    assert properties["Name"] == properties["Body"]["info"]["title"] == {"Ref": "AWS::StackName"}


def test_nothing_is_served_beside_the_throttled_stage() -> None:
    """SAM would add a stage named `Stage` to an API without `OpenApiVersion`."""
    resources = transformed()["Resources"].values()
    stages = [each["Properties"]["StageName"] for each in resources if each["Type"] == "AWS::ApiGateway::Stage"]
    assert stages == ["api"]
    (deployment,) = (each for each in resources if each["Type"] == "AWS::ApiGateway::Deployment")
    assert "StageName" not in deployment["Properties"]


@pytest.mark.long
def test_sam_local_serves_every_operation_behind_the_authorizer_that_is_not_public() -> None:
    """`sam local start-api` takes one scheme for each method, and stops at two."""
    found = {
        (route.path, method.lower()): (route.function_name, route.authorizer_object and route.authorizer_name)
        for route in local_routes()
        for method in route.methods
    }
    expected = {
        where: (
            re.findall(r"\{(\w+)\.Arn\}", operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"])[0],
            None if operation.get("operationId") in WITHOUT_A_TOKEN else AUTHORIZER,
        )
        for where, operation in _methods(GATEWAY).items()
    }
    assert found == expected
    (authorizer,) = {route.authorizer_object.lambda_name for route in local_routes() if route.authorizer_object}
    assert authorizer == "AuthorizeFunction"
