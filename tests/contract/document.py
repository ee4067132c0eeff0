"""The contract, openapi/api.yaml, as tests look at it: operations, schemas and codes, with references resolved."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from openapi_schema_validator import OAS30Validator, oas30_format_checker

OPENAPI = Path(__file__).parents[2] / "openapi"
TEXT = (OPENAPI / "api.yaml").read_text(encoding="utf-8")
DOCUMENT: dict[str, Any] = yaml.load(TEXT, yaml.CSafeLoader)
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
GATEWAY: dict[str, Any] = yaml.load((OPENAPI / "gateway.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
"""What API Gateway imports."""
GATEWAY_RESPONSES: dict[str, dict[str, Any]] = GATEWAY["x-amazon-apigateway-gateway-responses"]


def resolved(node: Any) -> Any:
    """Return a part of the document with its references replaced by what they name."""
    if isinstance(node, list):
        return [resolved(element) for element in node]
    if not isinstance(node, dict):
        return node
    if "$ref" not in node:
        return {key: resolved(value) for key, value in node.items()}
    target: Any = DOCUMENT
    for step in node["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return resolved(target)


OPERATIONS: dict[str, dict[str, Any]] = {
    operation["operationId"]: {
        "security": DOCUMENT["security"],
        **operation,
        "parameters": item.get("parameters", []) + operation.get("parameters", []),
    }
    for item in resolved(DOCUMENT["paths"]).values()
    for method, operation in item.items()
    if method in METHODS
}
PUBLIC = {"showUnsubscribe", "unsubscribe"}
"""The operations of the API that need no token: whoever has the link may call them."""
SCHEMAS: dict[str, dict[str, Any]] = resolved(DOCUMENT["components"]["schemas"])


def problems(schema: dict[str, Any], value: Any) -> list[str]:
    """Return where a value does not fit a schema."""
    validator = OAS30Validator(schema, format_checker=oas30_format_checker)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def walk(node: Any, path: str = "#") -> Iterator[tuple[str, Any]]:
    """Go through a part of the document, with the path of each node."""
    yield path, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from walk(child, f"{path}/{key}")


def table_of_codes() -> dict[str, set[str]]:
    """Return the error table that people read, as codes by status."""
    table: dict[str, set[str]] = {}
    for status, code in re.findall(r"^\| (\d{3}) \| `(\w+)` \|", DOCUMENT["info"]["description"], re.MULTILINE):
        table.setdefault(status, set()).add(code)
    return table
