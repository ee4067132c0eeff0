"""Holds answers of the running API against `openapi/api.yaml`."""

import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self

import httpx
import yaml
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing import Registry
from referencing.jsonschema import DRAFT4

DOCUMENT = Path(__file__).parents[2] / "openapi" / "api.yaml"
_ROOT = "urn:contract"


@dataclass(frozen=True)
class Contract:
    """The document, and the patterns of its paths."""

    document: dict[str, Any]
    paths: dict[str, re.Pattern[str]]
    validators: dict[str, OAS30Validator] = field(default_factory=dict)

    @classmethod
    @cache
    def load(cls) -> Self:
        """Read the document, with its schemas closed: an answer that shows more than they name is a leak."""
        document = closed(yaml.load(DOCUMENT.read_text(), yaml.CSafeLoader))
        literal_first = sorted(document["paths"], key=lambda path: "{" in path)  # as API Gateway chooses
        paths = {path: re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))) for path in literal_first}
        return cls(document, paths)

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        """Follow a `$ref` within the document."""
        while "$ref" in node:
            target: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def check(self, response: httpx.Response) -> None:
        """Raise AssertionError if the document does not foresee this answer to its request."""
        told = f"{response.request.method} {response.request.url.path} -> {response.status_code} {response.text[:300]}"
        declared = self._declared(response)
        assert declared is not None, f"not in the contract: {told}"
        for name, reference in declared.get("headers", {}).items():
            header = self.resolve(reference)
            if name in response.headers:
                self._check(header["schema"], _read(response.headers[name], header["schema"]), f"{name} of {told}")
            else:
                assert not header.get("required"), f"{name} is missing: {told}"
        content = declared.get("content")
        if not content:
            assert not response.content, f"a body that the contract does not have: {told}"
            return
        media_type = response.headers["content-type"].partition(";")[0]
        assert media_type in content, told
        body = response.json() if media_type == "application/json" else response.text
        self._check(content[media_type]["schema"], body, told)

    def operation(self, request: httpx.Request) -> dict[str, Any] | None:
        """Return the operation that a request is for."""
        for path, pattern in self.paths.items():
            if pattern.fullmatch(request.url.path):
                operation: dict[str, Any] | None = self.document["paths"][path].get(request.method.lower())
                return operation
        return None

    def _declared(self, response: httpx.Response) -> dict[str, Any] | None:
        operation = self.operation(response.request)
        if operation is None:
            return self._unknown(response)
        declared = operation["responses"].get(str(response.status_code))
        return self.resolve(declared) if declared else None

    def _unknown(self, response: httpx.Response) -> dict[str, Any] | None:
        """Return what is declared for paths and methods that do not exist: API Gateway's own 404."""
        if response.status_code != httpx.codes.NOT_FOUND or response.json()["code"] != "path_not_found":
            return None
        return {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}

    def _check(self, schema: dict[str, Any], value: Any, told: str) -> None:
        problems = list(self._validator(schema).iter_errors(value))
        assert not problems, f"{told}: {problems[0].message} at {list(problems[0].absolute_path)}"

    def _validator(self, schema: dict[str, Any]) -> OAS30Validator:
        key = json.dumps(schema, sort_keys=True)
        if key not in self.validators:
            registry = Registry().with_resource(_ROOT, DRAFT4.create_resource(self.document))
            self.validators[key] = OAS30Validator(
                _absolute(schema), registry=registry, format_checker=oas30_format_checker
            )
        return self.validators[key]


def closed(schema: Any) -> Any:
    """Return a schema, or a document of them, whose objects take no other properties than those it names."""
    if isinstance(schema, list):
        return [closed(element) for element in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: closed(value) for key, value in schema.items()}
    return {"additionalProperties": False, **strict} if isinstance(schema.get("properties"), dict) else strict


def _read(value: str, schema: dict[str, Any]) -> str | int:
    """Return a header's value in the type that its schema gives it."""
    return int(value) if schema["type"] == "integer" and value.isdecimal() else value


def _absolute(node: Any) -> Any:
    """Return a schema whose references name the document, so that they resolve from outside it."""
    if isinstance(node, dict):
        return {key: f"{_ROOT}{value}" if key == "$ref" else _absolute(value) for key, value in node.items()}
    return [_absolute(each) for each in node] if isinstance(node, list) else node
