"""The events' JSON Schemas, made from the models: `make schemas` writes them beside this file."""

import ast
import inspect
import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from ticketing.audit import models as audit
from ticketing.audit.models import AuditEvent
from ticketing.events.publishing import SOURCE
from ticketing.tickets.events import SCHEMA_VERSION, Actor, Change, TicketEvent, TicketSummary
from ticketing.tickets.kinds import EventType

HERE: Final = Path(__file__).parent
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

type Schema = dict[str, Any]

_OF_COMMENTS: Final = {EventType.COMMENT_ADDED, EventType.COMMENT_UPDATED, EventType.COMMENT_DELETED}
_NAMES_THE_COMMENT: Final = {"commentId", "visibility"}
_OF_FILES: Final = {EventType.ATTACHMENT_ADDED, EventType.ATTACHMENT_REJECTED, EventType.ATTACHMENT_REMOVED}
_NAMES_THE_FILE: Final = {"attachmentId", "visibility"}
_EVERYWHERE: Final = {
    "id",
    "type",
    "schemaVersion",
    "tenantId",
    "ticketId",
    "version",
    "occurredAt",
    "actor",
    "changes",
    "ticket",
}
_TITLES: Final = {
    EventType.TICKET_CREATED: "A ticket was created.",
    EventType.TICKET_UPDATED: "Fields of a ticket were changed, and not its status.",
    EventType.TICKET_TRANSITIONED: "A ticket's status was changed, and maybe other fields with it.",
    EventType.TICKET_DELETED: "A ticket was put into the trash.",
    EventType.TICKET_RESTORED: "A ticket was taken out of the trash.",
    EventType.COMMENT_ADDED: "A comment was written. Its text is not here: read it, if it is still there.",
    EventType.COMMENT_UPDATED: "A comment was edited.",
    EventType.COMMENT_DELETED: "A comment was deleted.",
    EventType.ATTACHMENT_ADDED: "A file was scanned and can be read. Its name is not here: read it, if it is there.",
    EventType.ATTACHMENT_REJECTED: "A file was scanned and can never be read; its content is deleted.",
    EventType.ATTACHMENT_REMOVED: "A file was removed, with its name and its content.",
}


def schemas() -> dict[str, str]:
    """Return what the files shall hold, by their names."""
    made = {_file(kind): _event(kind) for kind in EventType} | {f"Envelope.v{SCHEMA_VERSION}.json": _envelope()}
    return {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in made.items()}


def audit_schema() -> dict[str, str]:
    """Return what the file of audit events shall hold, by its name. They have a source of their own on the bus."""
    name = f"{audit.TYPE}.v{audit.SCHEMA_VERSION}.json"
    whole = _plain(AuditEvent.model_json_schema(by_alias=True))
    for field, text in _docstrings(AuditEvent).items():
        whole["properties"][field]["description"] = text
    fixed = {"type": {"const": audit.TYPE}, "schemaVersion": {"const": audit.SCHEMA_VERSION}}
    schema = {
        "$schema": DIALECT,
        "$id": name,
        "title": audit.TYPE,
        "description": "An administrative action in a tenant.",
        "type": "object",
        "properties": whole["properties"] | fixed,
        "required": [*whole["required"], *fixed],
        "$defs": whole["$defs"],
    }
    return {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n"}


def _file(kind: EventType) -> str:
    return f"{kind}.v{SCHEMA_VERSION}.json"


def _event(kind: EventType) -> Schema:
    """Return the schema of an event of one type: of the model's fields, those that such an event has."""
    whole = _plain(TicketEvent.model_json_schema(by_alias=True))
    optional = {"truncated"}
    required = set(_EVERYWHERE)
    if kind in _OF_COMMENTS:
        required |= _NAMES_THE_COMMENT
        optional |= {"mentions"}
    elif kind in _OF_FILES:
        required |= _NAMES_THE_FILE
        optional |= {"commentId"}
    elif kind is EventType.TICKET_TRANSITIONED:
        optional |= {"comment"}
    fixed = {"type": {"const": kind.value}, "schemaVersion": {"const": SCHEMA_VERSION}}
    definitions = whole["$defs"]
    for model in (TicketEvent, Actor, Change, TicketSummary):
        target = whole if model is TicketEvent else definitions[model.__name__]
        for name, text in _docstrings(model).items():
            target["properties"][name]["description"] = text
    properties = {
        name: fixed.get(name, schema) for name, schema in whole["properties"].items() if name in required | optional
    }
    return {
        "$schema": DIALECT,
        "$id": _file(kind),
        "title": kind.value,
        "description": _TITLES[kind],
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name in required],
        "$defs": {name: definitions[name] for name in sorted(_used(properties, definitions))},
    }


def _envelope() -> Schema:
    """Return the schema of what a rule's target gets."""
    text: Schema = {"type": "string"}
    properties = {
        "version": {"const": "0"},
        "id": text | {"description": "EventBridge's own. The same event may come with another: tell it by detail.id."},
        "detail-type": {"enum": [kind.value for kind in EventType]},
        "source": {"const": SOURCE},
        "account": text,
        "time": text | {"format": "date-time", "description": "When it happened, to the second."},
        "region": text,
        "resources": {"type": "array"},
        "replay-name": text | {"description": "The replay that sends it again; only then."},
        "detail": {"oneOf": [{"$ref": _file(kind)} for kind in EventType]},
    }
    return {
        "$schema": DIALECT,
        "$id": f"Envelope.v{SCHEMA_VERSION}.json",
        "title": "Envelope",
        "description": "An event as the bus hands it to the targets of its rules.",
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name != "replay-name"],
    }


def _plain(node: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a schema without the titles that pydantic makes of names, and without nulls, which the bus never has."""
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {name: value for name, value in node.items() if not (name == "title" and isinstance(value, str))}
    if "default" in kept and kept["default"] is None:
        del kept["default"]
    if alternatives := [each for each in kept.pop("anyOf", []) if each != {"type": "null"}]:
        (alternative,) = alternatives  # a field is of one type, or absent
        kept |= alternative
    return {name: _plain(value) for name, value in kept.items()}


def _docstrings(model: type[BaseModel]) -> Mapping[str, str]:
    """Return what is written below the fields of a model, by their outside names."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(definition, ast.ClassDef)  # noqa: S101 - what a model's source is
    found = {}
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[str(model.model_fields[name].alias)] = " ".join(text.split())
    return found


def _used(node: Any, definitions: Schema) -> set[str]:  # noqa: ANN401 - any JSON value
    """Return the names of the definitions that a schema refers to, and those refer to."""
    if isinstance(node, list):
        return set().union(*(_used(each, definitions) for each in node))
    if not isinstance(node, dict):
        return set()
    found = set().union(*(_used(each, definitions) for each in node.values()))
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        found |= {name} | _used(definitions[name], definitions)
    return found


def main() -> None:
    """Write the files."""
    for name, text in (schemas() | audit_schema()).items():
        (HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
