"""The client that openapi-python-client makes of the contract."""

import importlib
import inspect
import json
import re
import sys
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any, get_args
from uuid import UUID

import attrs
import httpx
import pytest
from pydantic.alias_generators import to_snake

from tests.clients.making import ANSWERED, HERE, examples
from tests.contract.document import OPERATIONS
from tests.harness.node import run
from tests.harness.stack import Stack

CACHE = HERE.parents[1] / ".mypy_cache" / "clients"


def _operation(name: str) -> ModuleType:
    (tag,) = OPERATIONS[name]["tags"]
    return importlib.import_module(f"ticket_client.api.{to_snake(tag.replace(' ', '_'))}.{to_snake(name)}")


def _body(operation: str, value: Any) -> Any:
    """Return a request body's example as the client's model of it."""
    annotation = inspect.signature(_operation(operation).sync_detailed).parameters["body"].annotation
    (model,) = (kind for kind in get_args(annotation) or [annotation] if hasattr(kind, "from_dict"))
    return model.from_dict(value)


def test_has_the_operations_and_no_preflights(python_client: Path) -> None:
    modules = {path.stem for path in (python_client / "ticket_client" / "api").glob("*/*.py")} - {"__init__"}
    assert modules == {to_snake(name) for name in OPERATIONS}


@pytest.mark.usefixtures("python_client")
def test_reads_and_writes_the_contracts_examples() -> None:
    client = importlib.import_module("ticket_client").Client(base_url="https://tickets.example")
    for operation, part, title, value in examples():
        if part == "body":
            assert _plain(_body(operation, value)) == value, (operation, title)
        else:
            answer = httpx.Response(int(part), json=value)
            assert _plain(_operation(operation)._parse_response(client=client, response=answer)) == value, title


@pytest.mark.long  # TypeScript checks the same examples in a short run
def test_examples_and_calls_have_the_right_types(python_client: Path) -> None:
    """Mypy finds nothing in the client, in the tour, and in the examples of bodies, given as a caller gives them."""
    bodies = [_body(operation, value) for operation, part, _, value in examples() if part == "body"]
    lines = ["from datetime import datetime", "from uuid import UUID", "from ticket_client import models"]
    (python_client / "examples.py").write_text("\n".join([*lines, *map(_source, bodies)]))
    (python_client / "tour.py").write_text((HERE / "tour.py").read_text())
    strict = ("-m", "mypy", "--strict", "--config-file=", "--cache-dir", CACHE)
    run(sys.executable, *strict, "-p", "ticket_client", "-m", "examples", "-m", "tour", cwd=python_client)


@pytest.mark.usefixtures("python_client")
def test_calls_the_running_api(stack: Stack) -> None:
    tour = importlib.import_module("tests.clients.tour").tour
    assert tour(stack.base_url, stack.token("agent@acme.example")) == ANSWERED


def _source(value: Any) -> str:
    """Return Python that makes this value, with the fields that it was given and no others."""
    match value:
        case Enum():
            return f"models.{type(value).__name__}.{value.name}"
        case UUID():
            return f"UUID({str(value)!r})"
        case datetime():
            return f"datetime.fromisoformat({value.isoformat()!r})"
        case list():
            return f"[{', '.join(map(_source, value))}]"
        case None | str() | int():
            return repr(value)
    unset = importlib.import_module("ticket_client.types").UNSET
    fields = [(field.name, getattr(value, field.name)) for field in attrs.fields(type(value)) if field.init]
    arguments = ", ".join(f"{name}={_source(given)}" for name, given in fields if given is not unset)
    return f"models.{type(value).__name__}({arguments})"


def _plain(value: Any) -> Any:
    """Return JSON as the client would send it, with times as the API writes them."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    text = json.dumps(value.to_dict())
    return json.loads(re.sub(r"(T[0-9:]{8})(?:(\.\d{3})000)?\+00:00", lambda at: f"{at[1]}{at[2] or '.000'}Z", text))
