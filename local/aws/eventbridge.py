"""EventBridge as AWS has it: templates have archives of event buses. The newest events are kept."""

import json
from types import ModuleType
from typing import Any

from local.emulator.loading import EmulatorError, MiniStack
from local.emulator.patching import replace, require

ARCHIVED_EVENTS = 20_000


def patch(emulator: MiniStack) -> None:
    """Add archives to CloudFormation, and keep the newest events.

    Raises
    ------
    EmulatorError
        At once if what this builds on is not there; at a deployment if the emulator refuses an archive.
    """
    _add_archives_to_templates(emulator)
    _keep_newest_events(emulator.eventbridge)


def _add_archives_to_templates(emulator: MiniStack) -> None:
    """Let a template make, change and delete archives: the emulator has them, but its CloudFormation does not."""
    events, provisioners = emulator.eventbridge, emulator.provisioners
    create_archive = require(events, "_create_archive", "data")
    update_archive = require(events, "_update_archive", "data")
    delete_archive = require(events, "_delete_archive", "data")
    physical_name = require(
        provisioners, "_physical_name", "stack_name", "logical_id", "lowercase", "max_len", "seeded"
    )

    def properties(name: str, props: dict[str, Any]) -> dict[str, Any]:
        pattern = props.get("EventPattern", "")
        return {
            "ArchiveName": name,
            "EventSourceArn": props["SourceArn"],
            "Description": props.get("Description", ""),
            "EventPattern": pattern if isinstance(pattern, str) else json.dumps(pattern),
            "RetentionDays": props.get("RetentionDays", 0),
        }

    def done(answer: tuple[int, dict[str, str], bytes]) -> dict[str, Any]:
        status, _, body = answer
        if status >= 400:  # noqa: PLR2004 (HTTP's)
            message = f"An archive of the template is refused: {body!r}"
            raise EmulatorError(message)
        content: dict[str, Any] = json.loads(body)
        return content

    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
        name = props.get("ArchiveName") or physical_name(stack_name, logical_id, max_len=48)
        made = done(create_archive(properties(name, props)))
        return name, {"Arn": made["ArchiveArn"], "ArchiveName": name}

    def update(physical_id: str, _old: object, props: dict[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
        changed = done(update_archive(properties(physical_id, props)))
        return physical_id, {"Arn": changed["ArchiveArn"], "ArchiveName": physical_id}

    def delete(physical_id: str, _props: object) -> None:
        delete_archive({"ArchiveName": physical_id})

    provisioners._RESOURCE_HANDLERS["AWS::Events::Archive"] = {  # noqa: SLF001
        "create": create,
        "update": update,
        "delete": delete,
    }


def _keep_newest_events(eventbridge: ModuleType) -> None:
    original = require(eventbridge, "_archive_event", "event", "view")

    def archive(event: dict[str, Any], view: object = None) -> None:
        original(event, view)
        # Each event is kept twice: by its archive, and in a list of all that nothing reads.
        for events in (eventbridge._events_log_list(), *map(_events_of, eventbridge._archives.values())):  # noqa: SLF001
            if (surplus := len(events) - ARCHIVED_EVENTS) > 0:
                del events[:surplus]

    replace(eventbridge, "_archive_event", archive)


def _events_of(archive: dict[str, Any]) -> list[Any]:
    events: list[Any] = archive.setdefault("Events", [])
    return events
