"""The document openapi/api.yaml: valid, deployable as it stands, and in step with the code and the template."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from openapi_spec_validator import validate
from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_snake

from tests.contract.checker import closed
from ticketing import cors, errors
from ticketing.events import Actor, EventType, TicketEvent
from ticketing.lifecycle import LIFECYCLE, Role, Status
from ticketing.models import (
    PageQuery,
    Priority,
    Ticket,
    TicketCreate,
    TicketQuery,
    TicketReplace,
    TicketType,
    TicketUpdate,
    TransitionRequest,
)
from ticketing.permissions import Operation
from ticketing.request import BODY_LIMIT
from ticketing.tickets import _NOT_SHOWN

ROOT = Path(__file__).parents[2]
OPENAPI = ROOT / "openapi"
TEXT = (OPENAPI / "api.yaml").read_text(encoding="utf-8")
DOCUMENT: dict[str, Any] = yaml.safe_load(TEXT)
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
REQUEST_MODELS: dict[str, type[BaseModel]] = {
    model.__name__: model for model in (TicketCreate, TicketReplace, TicketUpdate, TransitionRequest)
}
QUERY_MODELS: dict[str, type[BaseModel]] = {"listTickets": TicketQuery, "listTicketHistory": PageQuery}


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


def _resolved(node: Any) -> Any:
    """Return a part of the document with its references replaced by what they name."""
    if isinstance(node, list):
        return [_resolved(element) for element in node]
    if not isinstance(node, dict):
        return node
    if "$ref" not in node:
        return {key: _resolved(value) for key, value in node.items()}
    target: Any = DOCUMENT
    for step in node["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return _resolved(target)


OPERATIONS: dict[str, dict[str, Any]] = {
    operation["operationId"]: operation | {"parameters": item.get("parameters", []) + operation.get("parameters", [])}
    for item in _resolved(DOCUMENT["paths"]).values()
    for method, operation in item.items()
    if method in METHODS
}
API_OPERATIONS = {name: operation for name, operation in OPERATIONS.items() if not name.startswith("preflight")}
SCHEMAS: dict[str, dict[str, Any]] = _resolved(DOCUMENT["components"]["schemas"])
GATEWAY_RESPONSES: dict[str, dict[str, Any]] = DOCUMENT["x-amazon-apigateway-gateway-responses"]


def _problems(schema: dict[str, Any], value: Any) -> list[str]:
    validator = OAS30Validator(schema, format_checker=oas30_format_checker)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def _walk(node: Any, path: str = "#") -> Iterator[tuple[str, Any]]:
    yield path, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from _walk(child, f"{path}/{key}")


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
    for path, value in _walk(DOCUMENT):
        assert isinstance(value, str | int | bool | dict | list), f"{path} is {value!r}"


def test_schemas_are_what_api_gateway_can_import() -> None:
    unsupported = {"example", "oneOf", "anyOf", "discriminator", "readOnly", "exclusiveMinimum", "exclusiveMaximum"}
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert name.isalnum()
        for path, node in _walk(schema):
            if isinstance(node, dict) and not path.endswith("/properties"):
                assert not unsupported & node.keys(), f"{name} {path}"
                assert node.get("format") not in {"int32", "int64"}, f"{name} {path}"


@pytest.mark.parametrize(("part", "media"), _bodies())
def test_examples_fit_their_schemas(part: str, media: dict[str, Any]) -> None:
    assert media["examples"]
    for name, example in media["examples"].items():
        value = _value(example)
        assert not _problems(closed(media["schema"]), value), name
        if part.startswith(("4", "5")):
            assert value["code"] in _table_of_codes()[part], name


def test_external_examples_are_all_used() -> None:
    used = {node["externalValue"] for _, node in _walk(DOCUMENT) if isinstance(node, dict) and "externalValue" in node}
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


def _table_of_codes() -> dict[str, set[str]]:
    """The error table that people read, as codes by status."""
    table: dict[str, set[str]] = {}
    for status, code in re.findall(r"^\| (\d{3}) \| `(\w+)` \|", DOCUMENT["info"]["description"], re.MULTILINE):
        table.setdefault(status, set()).add(code)
    return table


def test_error_table_lists_every_code() -> None:
    codes = [code for codes in _table_of_codes().values() for code in codes]
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
        assert not _problems(closed(SCHEMAS["Error"]), body), kind
        assert body["requestId"] == "$context.requestId"
        assert body["code"] in _table_of_codes()[response["statusCode"]], kind
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


def test_every_other_operation_is_behind_the_authorizer() -> None:
    scheme = DOCUMENT["components"]["securitySchemes"]["bearerToken"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "Authorization")
    assert all(operation["security"] == [{"bearerToken": []}] for operation in API_OPERATIONS.values())


@pytest.mark.parametrize(
    ("header", "plausible"),
    [
        ("Bearer eyJhbGciOi.eyJzdWIi.c2ln-_", True),
        ("bearer abc==", True),
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
    assert API_OPERATIONS.keys() == {operation.value for operation in Operation}


@pytest.mark.parametrize("name", OPERATIONS)
def test_one_operation_is_one_file_one_function_one_integration(name: str) -> None:
    folder, stem = ("tickets", to_snake(name)) if name in API_OPERATIONS else ("platform", "preflight")
    logical_id = "".join(part.capitalize() for part in stem.split("_")) + "Function"
    assert (ROOT / "functions" / folder / f"{stem}.py").is_file()
    properties = TEMPLATE["Resources"][logical_id]["Properties"]
    assert (properties["CodeUri"], properties["Handler"]) == (f"functions/{folder}", f"{stem}.handler")

    integration = OPERATIONS[name]["x-amazon-apigateway-integration"]
    assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
    assert integration["uri"] == {"Fn::Sub": _invocation_of(logical_id)}
    # The function gives up first: API Gateway's own time-out could not say what became of a change.
    timeout = properties.get("Timeout", TEMPLATE["Globals"]["Function"]["Timeout"])
    assert timeout * 1000 < integration["timeoutInMillis"] <= 29_000


def test_authorizer_is_the_authorize_function() -> None:
    scheme = DOCUMENT["components"]["securitySchemes"]["bearerToken"]
    authorizer = scheme["x-amazon-apigateway-authorizer"]
    assert (authorizer["type"], authorizer["authorizerResultTtlInSeconds"]) == ("token", 60)
    assert authorizer["authorizerUri"] == {"Fn::Sub": _invocation_of("AuthorizeFunction")}
    assert "AuthorizeFunction" in TEMPLATE["Resources"]


def _invocation_of(logical_id: str) -> str:
    service = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31"
    return f"{service}/functions/${{{logical_id}.Arn}}/invocations"


def test_routes_are_in_the_document_alone() -> None:
    # An Api event in the template would be a second route to the same function. `sam local` then takes that one, which
    # names no authorizer. What an event also brings, the permission, stands by itself.
    permissions = [
        resource["Properties"]
        for resource in TEMPLATE["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Permission"
    ]
    called = {re.findall(r"\{(\w+)\.Arn\}", str(node))[0] for _, node in _walk(DOCUMENT) if _is_invocation(node)}
    for logical_id in called:
        events = TEMPLATE["Resources"][logical_id]["Properties"].get("Events", {}).values()
        assert not [event for event in events if event["Type"] in {"Api", "HttpApi"}], logical_id
        principals = {p["Principal"] for p in permissions if logical_id in str(p["FunctionName"]).split(".")}
        assert "apigateway.amazonaws.com" in principals, logical_id


def _is_invocation(node: Any) -> bool:
    return isinstance(node, dict) and "/invocations" in str(node.get("Fn::Sub"))


def test_every_function_of_the_tickets_is_an_operation() -> None:
    files = (ROOT / "functions/tickets").glob("*.py")
    assert {path.stem for path in files} == {to_snake(name) for name in API_OPERATIONS}


# --- The document and the layer ---------------------------------------------------------------------------------------


def _codes_of_the_layer() -> dict[str, int]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ApiError)]
    return {kind.code: kind.status for kind in kinds}


def test_error_codes_are_those_that_can_be_answered() -> None:
    of_the_gateway = {
        json.loads(response["responseTemplates"]["application/json"])["code"] for response in GATEWAY_RESPONSES.values()
    }
    assert set(SCHEMAS["Error"]["properties"]["code"]["enum"]) == _codes_of_the_layer().keys() | of_the_gateway
    for code, status in _codes_of_the_layer().items():
        assert code in _table_of_codes()[str(status)]


def test_body_limit_is_the_one_that_is_told() -> None:
    assert BODY_LIMIT == 256 * 1024
    assert str(BODY_LIMIT) in GATEWAY_RESPONSES["REQUEST_TOO_LARGE"]["responseTemplates"]["application/json"]


@pytest.mark.parametrize(
    ("schema", "kind"),
    [("Status", Status), ("Priority", Priority), ("TicketType", TicketType)],
)
def test_enumerations_are_the_same(schema: str, kind: type[Status | Priority | TicketType]) -> None:
    assert SCHEMAS[schema]["enum"] == [member.value for member in kind]


def _properties(model: type[BaseModel]) -> tuple[set[str], set[str]]:
    """Return a model's properties, by their outside names: all, and those required."""
    fields = model.model_fields.items()
    return (
        {field.alias or name for name, field in fields},
        {field.alias or name for name, field in fields if field.is_required()},
    )


@pytest.mark.parametrize("name", REQUEST_MODELS)
def test_request_schemas_have_the_models_properties(name: str) -> None:
    everything, required = _properties(REQUEST_MODELS[name])
    schema = SCHEMAS[name]
    assert (schema["properties"].keys(), set(schema.get("required", []))) == (everything, required)
    assert schema["additionalProperties"] is False
    for field in REQUEST_MODELS[name].model_fields.values():
        told = schema["properties"][str(field.alias)].get("default")
        assert told is None or told == field.default


UUID = "3F0C5B9E-6a51-4d1c-9a57-0d2f6f1f2a11"
PROBES: list[Any] = [
    *(None, "", " ", "\t\n", "x", " x ", "a\nb", "a\x00b", "\x00", "\U0001f600", "caf\u00e9", "me", "none"),
    *("x" * 50, "x" * 51, "x" * 200, "x" * 201, "x" * 10_000, "x" * 10_001, "\U0001f600" * 200),
    *(0, 1, 1.5, True, {}, {"a": 1}),
    *([], ["x"], [""], [" "], [1], [None], ["x"] * 20, ["x"] * 21, ["x" * 50], ["x" * 51]),
    *(UUID, UUID.lower(), UUID[:-1], UUID + "0", UUID.replace("-", ""), f"{{{UUID}}}", f"urn:uuid:{UUID}"),
    *(*Status, "new", "DELETED", *Priority, "medium", *TicketType, "OTHER"),
]


def _accepts(model: type[BaseModel], body: Any) -> bool:
    try:
        model.model_validate_json(json.dumps(body))
    except ValidationError:
        return False
    return True


def _least(name: str) -> dict[str, Any]:
    """The smallest body that a request schema takes."""
    values = {"title": "x", "description": "x", "status": "NEW", "priority": "LOW", "type": "QUESTION", "to": "OPEN"}
    return {field: values.get(field, UUID) for field in SCHEMAS[name].get("required", [])}


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name in REQUEST_MODELS for field in [*SCHEMAS[name]["properties"], "colour"]]
)
def test_request_schemas_accept_what_the_models_accept(name: str, field: str) -> None:
    for probe in PROBES:
        body = _least(name) | {field: probe}
        assert _accepts(REQUEST_MODELS[name], body) == (not _problems(SCHEMAS[name], body)), probe


@pytest.mark.parametrize("name", REQUEST_MODELS)
def test_request_schemas_need_what_the_models_need(name: str) -> None:
    least = _least(name)
    incomplete = [{key: value for key, value in least.items() if key != missing} for missing in least]
    others: list[Any] = [{}, [], None, "x"]
    for body in [least, *incomplete, *others]:
        assert _accepts(REQUEST_MODELS[name], body) == (not _problems(SCHEMAS[name], body)), body


@pytest.mark.parametrize("name", QUERY_MODELS)
def test_query_parameters_accept_what_the_models_accept(name: str) -> None:
    model = QUERY_MODELS[name]
    schemas = {p["name"]: p["schema"] for p in OPERATIONS[name]["parameters"] if p["in"] == "query"}
    assert schemas.keys() == _properties(model)[0]
    for parameter, schema in schemas.items():
        if parameter == "cursor":  # any text may be tried; only those that a list gave out are good
            continue
        texts = [probe for probe in PROBES if isinstance(probe, str)] + ["0", "1", "25", "100", "101", "-1", "1.5"]
        for text in texts:
            value = int(text) if schema["type"] == "integer" and re.fullmatch(r"-?\d+", text) else text
            try:
                model.model_validate({parameter: text})
            except ValidationError:
                accepted = False
            else:
                accepted = True
            assert accepted == (not _problems(schema, value)), (parameter, text)


def test_limit_is_the_one_that_is_told() -> None:
    limit = _resolved(DOCUMENT["components"]["parameters"]["Limit"])["schema"]
    assert limit["default"] == PageQuery().limit


def test_ticket_shows_what_the_model_has() -> None:
    fields = {str(field.alias): field for name, field in Ticket.model_fields.items() if name not in _NOT_SHOWN}
    shown = {*fields, "allowedTransitions"}
    assert SCHEMAS["Ticket"]["properties"].keys() == shown == set(SCHEMAS["Ticket"]["required"])
    nullable = {name for name, schema in SCHEMAS["Ticket"]["properties"].items() if schema.get("nullable")}
    assert nullable == {name for name, field in fields.items() if not field.is_required()}


def test_event_shows_what_the_model_has() -> None:
    schema = SCHEMAS["Event"]
    assert schema["properties"].keys() == _properties(TicketEvent)[0] == set(schema["required"])
    assert schema["properties"]["type"]["enum"] == [member.value for member in EventType]
    assert SCHEMAS["Actor"]["properties"].keys() == _properties(Actor)[0] == set(SCHEMAS["Actor"]["required"])
    assert SCHEMAS["Actor"]["properties"]["role"]["enum"] == [member.value for member in Role]
