"""The document openapi/api.yaml: valid, deployable as it stands, and in step with the code and the template."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import validate
from pydantic.alias_generators import to_snake

from tests.contract.checker import closed
from tests.contract.document import (
    API_OPERATIONS,
    DOCUMENT,
    GATEWAY_RESPONSES,
    OPENAPI,
    OPERATIONS,
    PUBLIC,
    SCHEMAS,
    TEXT,
    problems,
    table_of_codes,
    walk,
)
from ticketing.access.permissions import Operation, PublicOperation
from ticketing.access.roles import Role
from ticketing.api import cors
from ticketing.tickets.lifecycle import LIFECYCLE

ROOT = Path(__file__).parents[2]
API_ROLE = {"Fn::GetAtt": ["ApiRole", "Arn"]}
FOLDERS = {
    "Tickets": "tickets",
    "Lifecycle": "tickets",
    "Comments": "comments",
    "Users": "users",
    "Tenants": "users",
    "API keys": "users",
    "Webhooks": "webhooks",
    "Mail": "mail",
    "Preflight": "api",
}
"""Where the functions of the operations with a tag are."""

WITHOUT_A_ROUTE = {
    "erasure": {"erase_tenant"},
    "events": {"publish_events", "resend_events"},
    "live": {"connect", "disconnect", "push_event", "receive_message"},
    "mail": {"mail_events", "record_mail_feedback"},
    "tickets": {"close_resolved_tickets", "purge_ticket"},
    "users": {"reconcile_users"},
    "webhooks": {"deliver_webhook", "dispatch_webhooks"},
}
"""What runs by itself (on a schedule, on what a table or the bus says, in a state machine) or is called by hand; and
what the WebSocket API calls."""


class _TemplateLoader(yaml.SafeLoader):
    """Reads a template of CloudFormation; of its short forms only the operand is kept."""


def _operand(loader: _TemplateLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return node.value


_TemplateLoader.add_multi_constructor("!", _operand)
_TEMPLATE_TEXT = (ROOT / "template.yaml").read_text(encoding="utf-8")
TEMPLATE: dict[str, Any] = yaml.load(_TEMPLATE_TEXT, _TemplateLoader)  # noqa: S506 - it is a SafeLoader


def _bodies() -> list[Any]:
    """Return every request body and answer that has content, as cases of status (or "body") and media type."""
    return [
        pytest.param(part, media, id=f"{name}-{part}")
        for name, operation in OPERATIONS.items()
        for part, holder in [("body", operation.get("requestBody", {})), *operation["responses"].items()]
        for media in holder.get("content", {}).values()
    ]


def _value(example: dict[str, Any]) -> Any:
    if "externalValue" in example:
        return json.loads((OPENAPI / example["externalValue"]).read_text(encoding="utf-8"))
    return example["value"]


# --- The document by itself -------------------------------------------------------------------------------------------


def test_is_valid_openapi() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.0.")


def test_can_be_included_in_a_template() -> None:
    assert TEXT.isascii()
    tokens = list(yaml.scan(TEXT))
    assert not [t for t in tokens if isinstance(t, yaml.AnchorToken | yaml.AliasToken | yaml.TagToken)]
    for path, value in walk(DOCUMENT):
        assert isinstance(value, str | int | bool | dict | list), f"{path} is {value!r}"


def test_schemas_are_what_api_gateway_can_import() -> None:
    unsupported = {"example", "oneOf", "anyOf", "discriminator", "readOnly", "exclusiveMinimum", "exclusiveMaximum"}
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert name.isalnum()
        for path, node in walk(schema):
            if isinstance(node, dict) and not path.endswith("/properties"):
                assert not unsupported & node.keys(), f"{name} {path}"
                assert node.get("format") not in {"int32", "int64"}, f"{name} {path}"


@pytest.mark.parametrize(("part", "media"), _bodies())
def test_examples_fit_their_schemas(part: str, media: dict[str, Any]) -> None:
    assert media["examples"]
    for name, example in media["examples"].items():
        value = _value(example)
        assert not problems(closed(media["schema"]), value), name
        if part.startswith(("4", "5")):
            assert value["code"] in table_of_codes()[part], name


def test_external_examples_are_all_used() -> None:
    used = {node["externalValue"] for _, node in walk(DOCUMENT) if isinstance(node, dict) and "externalValue" in node}
    assert used == {f"examples/{path.name}" for path in (OPENAPI / "examples").iterdir()}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_operation_names_the_answers_that_any_can_have(operation: dict[str, Any]) -> None:
    anytime = {"429", "500", "503"}
    if operation["security"]:
        anytime |= {"401", "403"}
    if "requestBody" in operation:
        anytime |= {"400", "413", "415"}
    names = {parameter["name"] for parameter in operation["parameters"]}
    if "id" in names and operation["security"]:
        anytime |= {"404"}
    if "If-Match" in names:
        anytime |= {"400", "409", "412"}
    assert anytime <= operation["responses"].keys()
    for status, response in operation["responses"].items():
        headers = response["headers"].keys()
        assert "Access-Control-Allow-Origin" in headers, status
        assert ("Retry-After" in headers) == (status in {"429", "503"}), status


def test_error_table_lists_every_code() -> None:
    codes = [code for codes in table_of_codes().values() for code in codes]
    assert sorted(codes) == sorted(SCHEMAS["Error"]["properties"]["code"]["enum"])


def test_lifecycle_table_is_the_lifecycle() -> None:
    row = re.compile(r"^\| ([A-Z_]+) -> ([A-Z_]+) \| (.+?) \| (?:`(\w+)` )?.*\|$", re.MULTILINE)
    people = {Role.REPORTER: "the reporter", Role.AGENT: "agent", Role.ADMIN: "admin"}
    assert row.findall(DOCUMENT["info"]["description"]) == [
        (move.source, move.target, ", ".join(people[role] for role in people if role in move.by), move.needs or "")
        for move in LIFECYCLE
    ]


# --- The document and API Gateway -------------------------------------------------------------------------------------


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


def test_every_path_has_a_preflight() -> None:
    for path, item in DOCUMENT["paths"].items():
        assert item["options"]["operationId"].startswith("preflight"), path
        assert item["options"]["security"] == []


def test_every_other_operation_is_behind_the_authorizer_and_counted() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    headers = {name: (scheme["type"], scheme["in"], scheme["name"]) for name, scheme in schemes.items()}
    # API Gateway knows the second one by its header: a method that needs it is counted against the usage plan.
    assert headers == {"bearerToken": ("apiKey", "header", "Authorization"), "usage": ("apiKey", "header", "x-api-key")}
    # One requirement with both; two in a list would be a choice.
    for name, operation in API_OPERATIONS.items():
        assert operation["security"] == ([] if name in PUBLIC else [{"bearerToken": [], "usage": []}]), name
    assert DOCUMENT["x-amazon-apigateway-api-key-source"] == "AUTHORIZER"


@pytest.mark.parametrize(
    ("header", "plausible"),
    [
        ("Bearer eyJhbGciOi.eyJzdWIi.c2ln-_", True),
        ("bearer abc==", True),
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
    authorizer = DOCUMENT["components"]["securitySchemes"]["bearerToken"]["x-amazon-apigateway-authorizer"]
    assert bool(re.fullmatch(authorizer["identityValidationExpression"], header)) is plausible


# --- The document, the template and the functions ---------------------------------------------------------------------


def test_operations_are_those_of_the_permission_table() -> None:
    assert API_OPERATIONS.keys() - PUBLIC == {operation.value for operation in Operation}
    assert set(PublicOperation) == PUBLIC


def test_pages_are_for_those_without_a_token_alone() -> None:
    """All else speaks JSON. openapi/redocly.yaml can only allow pages everywhere."""
    with_pages = {
        name
        for name, operation in OPERATIONS.items()
        for answer in operation["responses"].values()
        if "text/html" in answer.get("content", {})
    }
    assert with_pages == PUBLIC


@pytest.mark.parametrize("name", OPERATIONS)
def test_one_operation_is_one_file_one_function_one_integration(name: str) -> None:
    (tag,) = OPERATIONS[name]["tags"]
    folder, stem = FOLDERS[tag], "preflight" if tag == "Preflight" else to_snake(name)
    logical_id = "".join(part.capitalize() for part in stem.split("_")) + "Function"
    assert (ROOT / "functions" / folder / f"{stem}.py").is_file()
    properties = TEMPLATE["Resources"][logical_id]["Properties"]
    assert (properties["CodeUri"], properties["Handler"]) == (f"functions/{folder}", f"{stem}.handler")

    integration = OPERATIONS[name]["x-amazon-apigateway-integration"]
    assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
    assert integration["uri"] == {"Fn::Sub": _invocation_of(logical_id)}
    assert integration["credentials"] == API_ROLE
    # The function gives up first: API Gateway's own time-out could not say what became of a change.
    timeout = properties.get("Timeout", TEMPLATE["Globals"]["Function"]["Timeout"])
    assert timeout * 1000 < integration["timeoutInMillis"] <= 29_000


@pytest.mark.parametrize("name", API_OPERATIONS)
def test_every_handler_asks_for_the_grant_of_its_own_operation(name: str) -> None:
    """One without the frame, or with another operation's grant, could differ from the table where no walk goes."""
    (tag,) = API_OPERATIONS[name]["tags"]
    module = ast.parse((ROOT / "functions" / FOLDERS[tag] / f"{to_snake(name)}.py").read_text(encoding="utf-8"))
    (handler,) = (node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "handler")
    (frame,) = (ast.unparse(decorator) for decorator in handler.decorator_list)
    asked = frame.removesuffix(", takes_query=True)").removesuffix(")")
    if name in PUBLIC:
        assert asked == f"public(PublicOperation.{PublicOperation(name).name}"
    else:
        assert asked == f"endpoint(Operation.{Operation(name).name}"


def test_authorizer_is_the_authorize_function() -> None:
    scheme = DOCUMENT["components"]["securitySchemes"]["bearerToken"]
    authorizer = scheme["x-amazon-apigateway-authorizer"]
    assert (authorizer["type"], authorizer["authorizerResultTtlInSeconds"]) == ("token", 60)
    assert authorizer["authorizerUri"] == {"Fn::Sub": _invocation_of("AuthorizeFunction")}
    assert authorizer["authorizerCredentials"] == API_ROLE
    assert "AuthorizeFunction" in TEMPLATE["Resources"]


def _invocation_of(logical_id: str) -> str:
    service = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31"
    return f"{service}/functions/${{{logical_id}.Arn}}/invocations"


def test_routes_are_in_the_document_alone() -> None:
    # An Api event in the template would be a second route to the same function. `sam local` then takes that one, which
    # names no authorizer.
    called = {re.findall(r"\{(\w+)\.Arn\}", str(node))[0] for _, node in walk(DOCUMENT) if _is_invocation(node)}
    for logical_id in called:
        events = TEMPLATE["Resources"][logical_id]["Properties"].get("Events", {}).values()
        assert not [event for event in events if event["Type"] in {"Api", "HttpApi"}], logical_id


def _is_invocation(node: Any) -> bool:
    return isinstance(node, dict) and "/invocations" in str(node.get("Fn::Sub"))


@pytest.mark.parametrize("folder", WITHOUT_A_ROUTE)
def test_every_function_is_an_operation_or_runs_by_itself(folder: str) -> None:
    files = {path.stem for path in (ROOT / "functions" / folder).glob("*.py")}
    routed = {to_snake(name) for name, operation in API_OPERATIONS.items() if FOLDERS[operation["tags"][0]] == folder}
    assert files == routed | WITHOUT_A_ROUTE[folder]
    assert not routed & WITHOUT_A_ROUTE[folder]
