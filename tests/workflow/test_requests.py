"""What an execution may be asked for, whoever starts it: four values are required, everything is checked."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.interpreter import READ, Script
from tests.workflow.machine import SOMEBODY, TENANT, Machine, Values, new_ticket
from ticketing.tickets.lifecycle import Status

TEXT = "must be a text of 1 to {} characters"
ID = "must be a UUID in lower case"
FILES = "newComment.attachmentIds: must be at most 20 different UUIDs in lower case"
MENTIONS = "newComment.mentions: must be at most 20 different UUIDs in lower case"
REQUIRED = [
    "tenantId: must be the id of a tenant",
    f"ticketId: {ID}",
    f"actor.id: {ID}",
    "actor.role: must be reporter, agent, admin or system",
    "to: must be NEW, OPEN, IN_PROGRESS, RESOLVED or CLOSED",
]


def minimal(ticket: Values) -> Values:
    """Return the smallest request there is."""
    return {
        "tenantId": TENANT,
        "ticketId": ticket["id"],
        "actor": {"id": SOMEBODY, "role": "agent"},
        "to": "OPEN",
    }


INVALID: list[tuple[Values, list[str]]] = [
    (dict.fromkeys(["tenantId", "ticketId", "actor", "to"]), REQUIRED),
    ({"tenantId": 5, "ticketId": [], "actor": "x", "to": "DONE"}, REQUIRED),
    ({"tenantId": "a#b"}, REQUIRED[:1]),
    ({"ticketId": SOMEBODY.upper().replace("0", "A")}, REQUIRED[1:2]),
    ({"actor": {"id": SOMEBODY, "role": "root", "name": "x"}}, [REQUIRED[3], "actor.name: unknown field"]),
    ({"alongside": [], "status": "OPEN"}, ["alongside: unknown field", "status: unknown field"]),
    ({"comment": 5}, [f"comment: {TEXT.format(10000)}"]),
    ({"comment": " \n"}, [f"comment: {TEXT.format(10000)}"]),
    *(({"expectedVersion": value}, ["expectedVersion: must be a whole number from 0"]) for value in (-1, 1.5, "7")),
    ({"fields": []}, ["fields: must be an object"]),
    (
        {"fields": {"tenantKey": "x", "deletedAt": "x", "id": "x", "closedAt": "x", "status": "OPEN", "version": 9}},
        [f"fields.{name}: unknown field" for name in ("tenantKey", "deletedAt", "id", "closedAt", "status", "version")],
    ),
    ({"fields": {"title": "x" * 201}}, [f"fields.title: {TEXT.format(200)}"]),
    ({"fields": {"title": "a\x07b"}}, [f"fields.title: {TEXT.format(200)}"]),
    ({"fields": {"description": False}}, [f"fields.description: {TEXT.format(10000)}"]),
    ({"fields": {"resolution": ""}}, [f"fields.resolution: {TEXT.format(10000)}, or null"]),
    (
        {"fields": {"priority": "BANANA", "type": None}},
        [
            "fields.priority: must be LOW, MEDIUM, HIGH or CRITICAL",
            "fields.type: must be INCIDENT, SERVICE_REQUEST or QUESTION",
        ],
    ),
    (
        {"fields": {"reporterId": None, "assignedToId": "x"}},
        [f"fields.reporterId: {ID}", f"fields.assignedToId: {ID}, or null"],
    ),
    *(
        ({"fields": {"tags": tags}}, ["fields.tags: must be at most 20 texts of 1 to 50 characters"])
        for tags in ("a", ["a", 1], ["x" * 51], [" "], ["x"] * 21, None)
    ),
    ({"newComment": []}, ["newComment: must be an object", f"newComment.body: {TEXT.format(10000)}"]),
    ({"newComment": {"body": "x" * 10_001}}, [f"newComment.body: {TEXT.format(10000)}"]),
    *(
        ({"newComment": {"body": "x", name: ids}}, [problem])
        for name, problem in (("mentions", MENTIONS), ("attachmentIds", FILES))
        for ids in ("x", ["x"], [SOMEBODY, SOMEBODY], [SOMEBODY] * 21)
    ),
    (
        {"newComment": {"body": "x", "SK": "TICKET", "key": "k", "requestHash": "h"}},
        [
            "newComment.SK: unknown field",
            f"newComment.key: {ID}",
            "newComment.requestHash: must be a SHA-256 in hex",
        ],
    ),
]
VALID: list[Values] = [
    {},
    dict.fromkeys(["fields", "comment", "expectedVersion", "newComment"]),
    {"fields": {"assignedToId": None, "resolution": None, "tags": []}, "comment": "x\n\ty"},
    {"fields": {"title": "\U0001f3ab" * 200, "description": "d", "reporterId": SOMEBODY, "assignedToId": SOMEBODY}},
    {"fields": {"priority": "LOW", "type": "QUESTION", "tags": ["a", "b"], "resolution": "r"}, "expectedVersion": 7},
    {"newComment": {"body": "x", "mentions": None, "attachmentIds": None, "key": None, "requestHash": None}},
]


@pytest.mark.parametrize(("wrong", "problems"), INVALID, ids=lambda value: str(value)[:60])
def test_what_is_no_request_is_refused_unread(
    embedded: Machine, script: Script, wrong: Values, problems: list[str]
) -> None:
    ticket = embedded.put(new_ticket())
    execution = embedded.run(minimal(ticket) | wrong)
    assert execution.output == {"outcome": "INVALID_REQUEST", "problems": problems}
    assert script.requests[READ] == []


@pytest.mark.parametrize("nothing", [{}, [], "x"], ids=str)
def test_a_request_is_an_object(embedded: Machine, nothing: Any) -> None:
    assert embedded.run(nothing).output == {"outcome": "INVALID_REQUEST", "problems": REQUIRED}


@pytest.mark.parametrize("rest", VALID, ids=lambda value: str(value)[:60])
def test_the_rest_may_be_left_out_or_null(embedded: Machine, rest: Values) -> None:
    ticket = embedded.put(new_ticket())
    execution = embedded.run(minimal(ticket) | rest)
    assert execution.outcome == "MOVED"
    fields: Values = rest.get("fields") or {}
    now = execution.ticket
    assert {name: now.get(name) for name in fields} == fields
    assert (now["status"], now["version"]) == (Status.OPEN, 8)
    kept = now.keys() - fields.keys() - {"status", "version", "updatedAt", "statusKey", "listKey"}
    kept -= {"assigneeKey", "reporterKey", "firstRespondedAt"}
    assert {name: now[name] for name in kept} == {name: ticket[name] for name in kept}


def test_the_examples_of_the_documentation(embedded: Machine) -> None:
    """docs/lifecycle.md shows a command and two outputs, the second with other fields in the same command."""
    text = (Path(__file__).parents[2] / "docs" / "lifecycle.md").read_text()
    (shown,) = re.findall(r"--input '(\{\n.*?\n\})'\n```", text, re.DOTALL)
    request = json.loads(shown)
    moved, refused = (json.loads(block) for block in re.findall(r"```json\n(.*?)\n```", text, re.DOTALL))
    (fields,) = re.findall(r'With `"fields": (\{.*?\})` instead', text)
    key = {"PK": f"TENANT#{request['tenantId']}#TICKET#{request['ticketId']}"}
    names = {"tenantId": request["tenantId"], "id": request["ticketId"], "version": 2, "resolution": None}
    embedded.put(new_ticket(Status.OPEN, **names) | key)
    assert embedded.run(request | {"fields": json.loads(fields)}).output == refused
    output = embedded.run(request).output
    output["ticket"] = {name: output["ticket"][name] for name in moved["ticket"]}
    assert output == moved
