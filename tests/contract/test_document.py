"""The contract, openapi/api.yaml: valid, nothing of API Gateway's in it, in step with code and template."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate
from pydantic.alias_generators import to_snake

from tests.contract.document import (
    DOCUMENT,
    OPENAPI,
    OPERATIONS,
    PUBLIC,
    SCHEMAS,
    TEXT,
    problems,
    table_of_codes,
    walk,
)
from tests.contract.sam import TEMPLATE
from tests.harness.contract import closed
from ticketing.access.permissions import Operation, PublicOperation
from ticketing.access.roles import Role
from ticketing.tickets.lifecycle import LIFECYCLE

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "Tickets": "tickets",
    "Lifecycle": "tickets",
    "Comments": "comments",
    "Attachments": "attachments",
    "Search": "search",
    "Users": "users",
    "Tenants": "users",
    "API keys": "users",
    "Audit": "audit",
    "Webhooks": "webhooks",
    "Views": "views",
    "Calendars": "calendars",
    "Reports": "analytics",
    "Mail": "mail",
}
"""Where the functions of the operations with a tag are."""

WITHOUT_A_ROUTE = {
    "attachments": {"receive_upload", "record_scan", "sweep_attachments"},
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


def test_holds_nothing_of_api_gateway() -> None:
    """Generated clients would have a method for each preflight, and a header of CORS in each answer."""
    assert not re.findall(r"x-amazon|Fn::|Access-Control", TEXT)
    assert not [path for path, item in DOCUMENT["paths"].items() if "options" in item]


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
        headers = response.get("headers", {})
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


# --- The contract, the template and the functions ---------------------------------------------------------------------


def test_operations_are_those_of_the_permission_table() -> None:
    assert OPERATIONS.keys() - PUBLIC == {operation.value for operation in Operation}
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
def test_one_operation_is_one_file_and_one_function(name: str) -> None:
    (tag,) = OPERATIONS[name]["tags"]
    folder, stem = FOLDERS[tag], to_snake(name)
    logical_id = "".join(part.capitalize() for part in stem.split("_")) + "Function"
    assert (ROOT / "functions" / folder / f"{stem}.py").is_file()
    properties = TEMPLATE["Resources"][logical_id]["Properties"]
    assert (properties["CodeUri"], properties["Handler"]) == (f"functions/{folder}", f"{stem}.handler")


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_handler_asks_for_the_grant_of_its_own_operation(name: str) -> None:
    """One without the frame, or with another operation's grant, could differ from the table where no walk goes."""
    (tag,) = OPERATIONS[name]["tags"]
    module = ast.parse((ROOT / "functions" / FOLDERS[tag] / f"{to_snake(name)}.py").read_text(encoding="utf-8"))
    (handler,) = (node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "handler")
    (frame,) = (ast.unparse(decorator) for decorator in handler.decorator_list)
    asked = frame.removesuffix(", takes_query=True)").removesuffix(")")
    if name in PUBLIC:
        assert asked == f"public(PublicOperation.{PublicOperation(name).name}"
    else:
        assert asked == f"endpoint(Operation.{Operation(name).name}"


@pytest.mark.parametrize("folder", WITHOUT_A_ROUTE)
def test_every_function_is_an_operation_or_runs_by_itself(folder: str) -> None:
    files = {path.stem for path in (ROOT / "functions" / folder).glob("*.py")}
    routed = {to_snake(name) for name, operation in OPERATIONS.items() if FOLDERS[operation["tags"][0]] == folder}
    assert files == routed | WITHOUT_A_ROUTE[folder]
    assert not routed & WITHOUT_A_ROUTE[folder]
