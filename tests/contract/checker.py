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
        document = yaml.safe_load(DOCUMENT.read_text())
        paths = {path: re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))) for path in document["paths"]}
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
        for name, header in declared.get("headers", {}).items():
            if self.resolve(header).get("required"):
                assert name in response.headers, f"{name} is missing: {told}"
        content = declared.get("content")
        if not content:
            assert not response.content, f"a body that the contract does not have: {told}"
            return
        assert response.headers["content-type"].partition(";")[0] in content, told
        problems = list(self._validator(content["application/json"]["schema"]).iter_errors(response.json()))
        assert not problems, f"{told}: {problems[0].message} at {list(problems[0].absolute_path)}"

    def _declared(self, response: httpx.Response) -> dict[str, Any] | None:
        request = response.request
        for path, pattern in self.paths.items():
            if pattern.fullmatch(request.url.path):
                operation = self.document["paths"][path].get(request.method.lower())
                if operation is not None:
                    answers = operation["responses"]
                    declared = answers.get(str(response.status_code))
                    return self.resolve(declared) if declared else None
        return self._unknown(response)

    def _unknown(self, response: httpx.Response) -> dict[str, Any] | None:
        """Return what is declared for paths and methods that do not exist: API Gateway's own 404."""
        if response.status_code != httpx.codes.NOT_FOUND or response.json()["code"] != "path_not_found":
            return None
        return {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}

    def _validator(self, schema: dict[str, Any]) -> OAS30Validator:
        key = json.dumps(schema, sort_keys=True)
        if key not in self.validators:
            registry = Registry().with_resource(_ROOT, DRAFT4.create_resource(self.document))
            self.validators[key] = OAS30Validator(
                _absolute(schema), registry=registry, format_checker=oas30_format_checker
            )
        return self.validators[key]


def _absolute(node: Any) -> Any:
    """Return a schema whose references name the document, so that they resolve from outside it."""
    if isinstance(node, dict):
        return {key: f"{_ROOT}{value}" if key == "$ref" else _absolute(value) for key, value in node.items()}
    return [_absolute(each) for each in node] if isinstance(node, list) else node
