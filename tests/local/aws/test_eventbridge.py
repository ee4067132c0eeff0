"""Event buses: the newest events are kept."""

from types import ModuleType
from typing import Any, cast

import pytest

from local.aws import eventbridge as patched


def test_the_bus_keeps_the_newest_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patched, "ARCHIVED_EVENTS", 3)
    log: list[int] = []
    archive: dict[str, list[int]] = {}

    def original(event: int, view: object = None) -> None:  # noqa: ARG001 (the emulator's signature)
        archive.setdefault("Events", []).append(event)

    eventbridge = cast("Any", ModuleType("eventbridge"))
    eventbridge._archive_event, eventbridge._archives = original, {"archive": archive}
    eventbridge._events_log_list = lambda: log
    patched._keep_newest_events(eventbridge)
    for number in range(7):
        log.append(number)
        eventbridge._archive_event(number)
    assert archive["Events"] == log == [4, 5, 6]
